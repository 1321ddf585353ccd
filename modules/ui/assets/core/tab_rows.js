// gradio measures which tabs of a row fit as it draws the row, which may not have its width yet: all of them stay then,
// each cut. It measures anew once the window has another size, so that is what it is told when a row has.
import { debounced } from "./dom.js";

const watched = new WeakSet();
const observer = new ResizeObserver(debounced(() => window.dispatchEvent(new Event("resize")), 100));

/** Called again and again: watches the rows that are new. */
export function watchTabRows() {
  for (const row of document.querySelectorAll(".tab-wrapper")) {
    if (watched.has(row)) continue;
    watched.add(row);
    observer.observe(row);
  }
}
