// A picture with the boxes of its finds, which may be moved, resized, taken away and added before they are painted.
import { bringIntoView, h, iconButton, t } from "../core/dom.js";
import { BoxFrame } from "./box_frame.js";

const MOST_FINDS = 100;
const LEAST_SHOWN = 300;      // px of a picture's longer side on the page

export class FindEditor {
  /** paint: called with the boxes, each left, top, right, bottom in shares of the picture */
  constructor(paint) {
    this.image = h("img", { alt: t("The picture with its finds"), draggable: false, onload: () => this.enlarge() });
    this.frame = new BoxFrame({ ground: this.image, most: MOST_FINDS, name: "Find {n}", changed: () => this.tell() });
    this.told = h("span", { role: "status" });
    this.button = h("button.card-button", { type: "button", onclick: () => paint(this.frame.boxes) }, t("Paint these"));
    this.element = h("section.find-editor", { hidden: true, "aria-label": t("Finds") },
      this.frame.element,
      h("div.control-row", {}, this.told, this.button,
        iconButton("close", t("Close the finds"), () => { this.element.hidden = true; })),
      h("p.hint", {},
        t("Drag a box to move it, its corners to resize it; drag elsewhere to add one; Del takes it away.")));
  }

  show(picture, boxes) {
    if (this.picture?.url?.startsWith("blob:")) URL.revokeObjectURL(this.picture.url);
    this.picture = picture;
    this.image.src = picture.url;
    this.element.hidden = false;
    this.frame.show(boxes);
    this.tell();
    bringIntoView(this.element);
  }

  /** A small picture is shown larger, so that its boxes can be taken hold of. */
  enlarge() {
    const { naturalWidth: width, naturalHeight: height } = this.image, factor = LEAST_SHOWN / Math.max(width, height);
    this.image.style.width = factor > 1 ? `${Math.round(width * factor)}px` : "";
  }

  tell() {
    this.told.textContent = t("Finds: {n}", { n: this.frame.boxes.length });
    this.button.disabled = !this.frame.boxes.length;
  }
}
