// Boxes over a picture, or over an empty place of its shape: moved, resized, added and taken away by pointer and keys.
import { h, t } from "../core/dom.js";

const LEAST = 0.01;      // a box's sides, in shares of the picture
const KEY_STEP = 0.01;
const EDGES = ["left", "top", "right", "bottom"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const clamp = (value) => Math.min(1, Math.max(0, value));

export class BoxFrame {
  /** ground: the element under the boxes; most: as many of them; changed: called with the boxes, each left, top, right,
   * bottom in shares of the ground; taken: called with the place of a box that is taken away, before `changed`
   */
  constructor({ ground, most, name, changed, taken = () => {} }) {
    Object.assign(this, { ground, most, name, changed, taken, boxes: [] });
    this.element = h("div.find-frame", { onpointerdown: (event) => this.draw(event) }, ground);
  }

  show(boxes, focused = -1) {
    this.boxes = boxes;
    const elements = boxes.map((box, place) => this.boxElement(box, place));
    this.element.replaceChildren(this.ground, ...elements);
    elements[focused]?.focus();
  }

  boxElement(box, place) {
    const corners = [[0, 1], [2, 1], [0, 3], [2, 3]].map(([x, y]) =>
      h(`i.find-corner.${EDGES[x]}.${EDGES[y]}`, { onpointerdown: (event) => this.drag(event, place, [x, y]) }));
    const element = h("div.find-box", {
      tabIndex: 0, role: "group", "aria-label": t(this.name, { n: place + 1 }),
      onpointerdown: (event) => this.drag(event, place, [0, 1, 2, 3]), onkeydown: (event) => this.pressed(event, place),
    }, h("b", {}, String(place + 1)), ...corners);
    placeBox(element, box);
    return element;
  }

  /** A pointer's place in shares of the ground. */
  at({ clientX, clientY }) {
    const { left, top, width, height } = this.ground.getBoundingClientRect();
    return [clamp((clientX - left) / width), clamp((clientY - top) / height)];
  }

  /** Move some edges of a box with the pointer until it is let go. */
  drag(event, place, edges) {
    event.preventDefault();
    event.stopPropagation();
    const begun = this.at(event), from = this.boxes[place], element = this.element.children[place + 1];
    element.focus();
    follow((move) => {
      const by = this.at(move).map((value, axis) => value - begun[axis]);
      this.put(place, edges.length === 4 ? movedBox(from, by) : resizedBox(from, edges, by));
    }, () => this.changed(this.boxes));
  }

  put(place, box) {
    this.boxes = this.boxes.with(place, box);
    placeBox(this.element.children[place + 1], box);
  }

  /** A new box from here to where the pointer is let go. */
  draw(event) {
    if (event.button !== 0 || this.boxes.length >= this.most) return;
    event.preventDefault();
    const [x, y] = this.at(event), place = this.boxes.length;
    this.show([...this.boxes, [x, y, x, y]], place);
    follow((move) => {
      const [toX, toY] = this.at(move);
      this.put(place, [Math.min(x, toX), Math.min(y, toY), Math.max(x, toX), Math.max(y, toY)]);
    }, () => {
      const [left, top, right, bottom] = this.boxes[place];
      if (right - left < LEAST || bottom - top < LEAST) return this.show(this.boxes.slice(0, -1));
      this.changed(this.boxes);
    });
  }

  pressed(event, place) {
    if (event.key === "Delete" || event.key === "Backspace") this.take(place);
    else if (event.key in ARROWS) {
      this.put(place, movedBox(this.boxes[place], ARROWS[event.key].map((share) => share * KEY_STEP)));
      this.changed(this.boxes);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  take(place) {
    this.taken(place);
    this.show(this.boxes.toSpliced(place, 1), Math.min(place, this.boxes.length - 2));
    this.changed(this.boxes);
  }
}

/** Call `moves` with each move of the pointer until it is let go, then `ended`. */
function follow(moves, ended) {
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

/** A box moved, as far as the picture reaches. */
const movedBox = ([left, top, right, bottom], [x, y]) => {
  const across = Math.max(-left, Math.min(1 - right, x)), down = Math.max(-top, Math.min(1 - bottom, y));
  return [left + across, top + down, right + across, bottom + down];
};

/** A box with some edges moved; it keeps a least side. */
function resizedBox(box, edges, by) {
  const next = [...box];
  for (const edge of edges) {
    const value = clamp(box[edge] + by[edge % 2]), opposite = box[(edge + 2) % 4];
    next[edge] = edge < 2 ? Math.min(value, opposite - LEAST) : Math.max(value, opposite + LEAST);
  }
  return next;
}

function placeBox(element, [left, top, right, bottom]) {
  const percent = (value) => `${value * 100}%`;
  Object.assign(element.style, {
    left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top),
  });
}
