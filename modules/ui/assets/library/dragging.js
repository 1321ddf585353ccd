// Pictures that are dragged from the grid onto an album.
import { h, number, t } from "../core/dom.js";

const PICTURES = "application/x-easel-pictures";

/** Begin to drag `many` chosen pictures; of several a note with their number goes along with the pointer. */
export function startDrag({ dataTransfer }, many) {
  dataTransfer.effectAllowed = "copy";
  dataTransfer.setData(PICTURES, String(many));
  if (many < 2) return;
  const note = h("div.tiles-dragged", {}, t("{n} pictures", { n: number(many) }));
  document.body.append(note);
  dataTransfer.setDragImage(note, -12, -12);
  setTimeout(() => note.remove());      // the browser has drawn it by then
}

/** Let pictures be dropped on an element. */
export function takePictures(element, dropped) {
  const over = (on) => element.classList.toggle("taking", on);
  for (const name of ["dragenter", "dragover"]) element.addEventListener(name, (event) => {
    if (!event.dataTransfer.types.includes(PICTURES)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    over(true);
  });
  element.addEventListener("dragleave", ({ relatedTarget }) => { if (!element.contains(relatedTarget)) over(false); });
  element.addEventListener("drop", (event) => {
    over(false);
    if (!event.dataTransfer.types.includes(PICTURES)) return;
    event.preventDefault();
    event.stopPropagation();
    dropped();
  });
  return element;
}
