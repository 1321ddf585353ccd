// A mask painted by hand over an empty place of the picture's shape: white where it counts.
import { h, t } from "../core/dom.js";
import { follow } from "./box_frame.js";

const SIDE = 512;      // of the mask's longer side in pixels

export class MaskPainter {
  /** kept: called with the mask's file, null if nothing is painted */
  constructor(kept) {
    this.canvas = h("canvas.mask-canvas", { onpointerdown: (event) => this.stroke(event) });
    this.size = h("input", { type: "range", min: 8, max: 128, value: 48, "aria-label": t("Brush size") });
    this.erases = h("input", { type: "checkbox" });
    const done = () => { this.element.hidden = true; this.file().then(kept); };
    this.element = h("section.find-editor", { hidden: true, "aria-label": t("Paint the region") },
      h("div.find-frame", {}, this.canvas),
      h("div.control-row", {}, h("label.control-checks", {}, t("Brush size"), this.size),
        h("label.control-checks", {}, this.erases, t("Erase")),
        h("button.card-button", { type: "button", onclick: () => this.clear() }, t("Clear")),
        h("button.card-button", { type: "button", onclick: done }, t("Use this mask"))));
  }

  /** Begin with an empty mask of a picture's shape. */
  open(width, height) {
    const factor = SIDE / Math.max(width, height);
    Object.assign(this.canvas, { width: Math.round(width * factor), height: Math.round(height * factor) });
    this.clear();
    this.element.hidden = false;
  }

  clear() {
    this.painted = false;
    this.pen.fillStyle = "#000";
    this.pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  get pen() { return this.canvas.getContext("2d"); }

  stroke(event) {
    event.preventDefault();
    const at = ({ clientX, clientY }) => {
      const { left, top, width } = this.canvas.getBoundingClientRect(), scale = this.canvas.width / width;
      return [(clientX - left) * scale, (clientY - top) * scale];
    };
    const { pen } = this;
    Object.assign(pen, {
      strokeStyle: this.erases.checked ? "#000" : "#fff", lineWidth: Number(this.size.value), lineCap: "round",
      lineJoin: "round",
    });
    let last = at(event);
    const line = (to) => { pen.beginPath(); pen.moveTo(...last); pen.lineTo(...to); pen.stroke(); last = to; };
    line([last[0] + 0.01, last[1]]);
    this.painted = true;
    follow((move) => line(at(move)), () => {});
  }

  file() {
    if (!this.painted) return Promise.resolve(null);
    return new Promise((resolve) =>
      this.canvas.toBlob((blob) => resolve(new File([blob], "mask.png", { type: "image/png" })), "image/png"));
  }
}
