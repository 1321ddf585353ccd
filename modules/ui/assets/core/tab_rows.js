// gradio measures which tabs of a row with a menu fit as it draws the row, which may not have its width yet: all stay,
// each cut. It measures anew once the window has another size, so that is what it is told while a row has cut tabs.
const LOOKS = [100, 1000, 4000];      // ms after a row has got a width

const watched = new WeakSet();
const isCut = (row) => [...row.querySelectorAll("[role=tab]")].some((tab) => tab.scrollWidth > tab.clientWidth + 1);
const measureCut = (rows) => { if (rows.some(isCut)) window.dispatchEvent(new Event("resize")); };
const observer = new ResizeObserver((changes) => {
  const rows = changes.map(({ target }) => target);
  for (const after of LOOKS) setTimeout(measureCut, after, rows);
});

/** Called again and again: watches the rows that are new. */
export function watchTabRows() {
  for (const row of document.querySelectorAll(".tab-wrapper")) {
    if (watched.has(row)) continue;
    watched.add(row);
    observer.observe(row);
  }
}
