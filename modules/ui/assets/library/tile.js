// One picture of the grid. Tiles are used again for other pictures: none is built while one scrolls.
import { h, t } from "../core/dom.js";
import { shelf } from "../core/shelf.js";

export class Tile {
  constructor() {
    this.image = h("img", { alt: "", decoding: "async", draggable: false });
    this.image.onload = () => this.element.classList.add("came");
    this.image.onerror = () => this.element.classList.add("broken");
    this.marks = h("span.tile-marks", { "aria-hidden": "true" });
    this.element = h("div.tile", { role: "option", tabIndex: -1 }, this.image, this.marks,
      h("span.tile-tick", { "aria-hidden": "true" }));
  }

  /** picture: null while it is on its way */
  show(index, picture) {
    if (this.index === index && this.picture === picture) return;
    const same = this.picture && picture && this.picture.id === picture.id && this.picture.version === picture.version;
    Object.assign(this, { index, picture });
    this.element.dataset.index = index;
    this.element.dataset.id = picture?.id ?? "";
    this.element.setAttribute("aria-posinset", index + 1);
    if (!same) this.load(picture);
    this.element.setAttribute("aria-label", picture ? described(picture) : t("On its way"));
    this.element.title = picture?.name ?? "";
    this.marks.textContent = picture ? marksOf(picture) : "";
  }

  load(picture) {
    this.element.classList.remove("came");
    this.element.classList.toggle("broken", Boolean(picture?.broken));
    if (picture && !picture.broken) this.image.src = shelf.thumbnail(picture);
    else this.image.removeAttribute("src");      // what flew by is fetched no more
  }

  put({ left, top }, side) {
    if (this.left === left && this.top === top && this.side === side) return;
    Object.assign(this, { left, top, side });
    const { style } = this.element;
    style.transform = `translate(${left}px, ${top}px)`;
    style.width = style.height = `${side}px`;
  }

  mark(selected, active) {
    this.element.setAttribute("aria-selected", selected);
    this.element.tabIndex = active ? 0 : -1;
  }
}

/** ≠: its data are not those it was made with. */
const marksOf = ({ favourite, rating, flags }) =>
  [favourite ? "♥" : "", rating > 0 ? "★".repeat(rating) : "", flags?.includes("changed") ? "≠" : ""]
    .filter(Boolean).join(" ");

/** A picture in words. */
export function described({ name, width, height, favourite, rating, broken }) {
  const size = width ? `${width} × ${height}` : null, stars = rating > 0 ? t("{n} of 5 stars", { n: rating }) : null;
  return [name, size, favourite ? t("favourite") : null, stars, broken ? t("cannot be read") : null]
    .filter(Boolean).join(", ");
}
