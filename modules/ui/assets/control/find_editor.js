// A picture with the boxes of its finds, which may be moved, resized, taken away and added before they are painted.
import { h, iconButton, t } from "../core/dom.js";

const LEAST = 0.01;      // a box's sides, in shares of the picture
const KEY_STEP = 0.01;
const LEAST_SHOWN = 300;      // px of a picture's longer side on the page
const EDGES = ["left", "top", "right", "bottom"];

const clamp = (value) => Math.min(1, Math.max(0, value));

export class FindEditor {
  /** paint: called with the boxes, each left, top, right, bottom in shares of the picture */
  constructor(paint) {
    this.boxes = [];
    this.image = h("img", { alt: t("The picture with its finds"), draggable: false, onload: () => this.enlarge() });
    this.frame = h("div.find-frame", { onpointerdown: (event) => this.draw(event) }, this.image);
    this.told = h("span", { role: "status" });
    this.button = h("button.card-button", { type: "button", onclick: () => paint(this.boxes) }, t("Paint these"));
    this.element = h("section.find-editor", { hidden: true, "aria-label": t("Finds") },
      this.frame,
      h("div.control-row", {}, this.told, this.button,
        iconButton("close", t("Close the finds"), () => { this.element.hidden = true; })),
      h("p.hint", {},
        t("Drag a box to move it, its corners to resize it; drag elsewhere to add one; Del takes it away.")));
  }

  show(picture, boxes) {
    if (this.picture?.url?.startsWith("blob:")) URL.revokeObjectURL(this.picture.url);
    Object.assign(this, { picture, boxes });
    this.image.src = picture.url;
    this.element.hidden = false;
    this.layOut();
    this.element.scrollIntoView({ behavior: "smooth", block: "nearest" });
  }

  /** A small picture is shown larger, so that its boxes can be taken hold of. */
  enlarge() {
    const { naturalWidth: width, naturalHeight: height } = this.image, factor = LEAST_SHOWN / Math.max(width, height);
    this.image.style.width = factor > 1 ? `${Math.round(width * factor)}px` : "";
  }

  layOut(focused = -1) {
    this.told.textContent = t("Finds: {n}", { n: this.boxes.length });
    this.button.disabled = !this.boxes.length;
    const elements = this.boxes.map((box, place) => this.boxElement(box, place));
    this.frame.replaceChildren(this.image, ...elements);
    elements[focused]?.focus();
  }

  boxElement(box, place) {
    const corners = [[0, 1], [2, 1], [0, 3], [2, 3]].map(([x, y]) =>
      h(`i.find-corner.${EDGES[x]}.${EDGES[y]}`, { onpointerdown: (event) => this.drag(event, place, [x, y]) }));
    const element = h("div.find-box", {
      tabIndex: 0, role: "group", "aria-label": t("Find {n}", { n: place + 1 }),
      onpointerdown: (event) => this.drag(event, place, [0, 1, 2, 3]), onkeydown: (event) => this.pressed(event, place),
    }, h("b", {}, String(place + 1)), ...corners);
    placed(element, box);
    return element;
  }

  /** A pointer's place in shares of the picture. */
  at({ clientX, clientY }) {
    const { left, top, width, height } = this.image.getBoundingClientRect();
    return [clamp((clientX - left) / width), clamp((clientY - top) / height)];
  }

  /** Move some edges of a box with the pointer until it is let go. */
  drag(event, place, edges) {
    event.preventDefault();
    event.stopPropagation();
    const begun = this.at(event), from = this.boxes[place], element = this.frame.children[place + 1];
    element.focus();
    this.follow((move) => {
      const by = this.at(move).map((value, axis) => value - begun[axis]);
      this.boxes[place] = edges.length === 4 ? moved(from, by) : resized(from, edges, by);
      placed(element, this.boxes[place]);
    });
  }

  /** A new box from here to where the pointer is let go. */
  draw(event) {
    if (event.button !== 0 || this.boxes.length >= 100) return;
    event.preventDefault();
    const [x, y] = this.at(event);
    this.boxes.push([x, y, x, y]);
    const place = this.boxes.length - 1;
    this.layOut(place);
    this.follow((move) => {
      const [toX, toY] = this.at(move);
      this.boxes[place] = [Math.min(x, toX), Math.min(y, toY), Math.max(x, toX), Math.max(y, toY)];
      placed(this.frame.children[place + 1], this.boxes[place]);
    }, () => {
      const [left, top, right, bottom] = this.boxes[place];
      if (right - left < LEAST || bottom - top < LEAST) this.take(place);
    });
  }

  follow(moves, ended = () => {}) {
    const end = () => {
      removeEventListener("pointermove", moves);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      ended();
    };
    addEventListener("pointermove", moves);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  pressed(event, place) {
    if (event.key === "Delete" || event.key === "Backspace") this.take(place);
    else if (event.key in ARROWS) {
      this.boxes[place] = moved(this.boxes[place], ARROWS[event.key].map((share) => share * KEY_STEP));
      placed(this.frame.children[place + 1], this.boxes[place]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  take(place) {
    this.boxes.splice(place, 1);
    this.layOut(Math.min(place, this.boxes.length - 1));
  }
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A box moved, as far as the picture reaches. */
const moved = ([left, top, right, bottom], [x, y]) => {
  const across = Math.max(-left, Math.min(1 - right, x)), down = Math.max(-top, Math.min(1 - bottom, y));
  return [left + across, top + down, right + across, bottom + down];
};

/** A box with some edges moved; it keeps a least side. */
function resized(box, edges, by) {
  const next = [...box];
  for (const edge of edges) {
    const value = clamp(box[edge] + by[edge % 2]), opposite = box[(edge + 2) % 4];
    next[edge] = edge < 2 ? Math.min(value, opposite - LEAST) : Math.max(value, opposite + LEAST);
  }
  return next;
}

function placed(element, [left, top, right, bottom]) {
  const percent = (value) => `${value * 100}%`;
  Object.assign(element.style, {
    left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top),
  });
}
