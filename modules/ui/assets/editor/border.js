// The border for outpainting: how far the canvas reaches beyond the picture, by handles and by numbers.
import { h, t } from "../core/dom.js";

const STEP = 8;            // pixels; what the models' latents can express
export const NO_BORDER = Object.freeze({ left: 0, top: 0, right: 0, bottom: 0 });

export class Border {
  /** `changed(done)` is told of every change; `done` is false while a handle is still being dragged. */
  constructor(view, limit, changed) {
    Object.assign(this, { view, limit, changed, sides: { ...NO_BORDER } });
    this.picture = { width: 1, height: 1 };
    this.frame = h("div.editor-frame", { "aria-hidden": "true" });
    this.handles = SIDES.map((side) => this.handle(side));
    this.fields = SIDES.map((side) => this.field(side));
    this.bar = h(
      "div.editor-bar.editor-border",
      { role: "group", "aria-label": t("Extend the canvas") },
      this.fields.map((input, i) => h("label", {}, h("span", {}, t(SIDES[i].short)), input)),
    );
  }

  get any() { return Object.values(this.sides).some(Boolean); }

  /** The picture with its border, in pixels of the picture. */
  get sheet() {
    const { left, top, right, bottom } = this.sides;
    return { left: -left, top: -top, right: this.picture.width + right, bottom: this.picture.height + bottom };
  }

  /** Start afresh around a picture. */
  surround(width, height, sides) {
    this.picture = { width, height };
    this.sides = { ...NO_BORDER };
    this.set(sides);
  }

  /** Set some sides, each to the nearest step that the limit on the whole permits. */
  set(sides) {
    for (const { name, opposite, extent } of SIDES) {
      if (!(name in sides)) continue;
      const room = this.limit - this.picture[extent] - this.sides[opposite];
      const wanted = Math.round((Number(sides[name]) || 0) / STEP) * STEP;
      this.sides[name] = Math.max(0, Math.min(wanted, Math.floor(room / STEP) * STEP));
    }
    this.fields.forEach((input, i) => { input.value = this.sides[SIDES[i].name]; });
    this.handles.forEach((handle, i) => handle.setAttribute("aria-valuenow", this.sides[SIDES[i].name]));
  }

  /** Follow the view. */
  place() {
    const { scale, x, y, stage } = this.view;
    const { left, top, right, bottom } = this.sheet;
    const box = { left: x + left * scale, top: y + top * scale, right: x + right * scale, bottom: y + bottom * scale };
    Object.assign(
      this.frame.style,
      px({ left: box.left, top: box.top, width: box.right - box.left, height: box.bottom - box.top }),
    );
    this.frame.classList.toggle("editor-bordered", this.any);
    const middle = { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 };
    this.handles.forEach((handle, i) => {
      const { name, axis } = SIDES[i];
      const at = { ...middle, [axis]: box[name] };
      Object.assign(handle.style, px({ left: within(at.x, stage.clientWidth), top: within(at.y, stage.clientHeight) }));
    });
  }

  handle({ name, axis, outwards, label }) {
    const handle = h(`button.editor-handle.editor-handle-${axis}`, {
      type: "button",
      title: t(label),
      role: "slider",
      "aria-label": t(label),
      "aria-valuemin": 0,
      "aria-valuemax": this.limit,
      "aria-valuenow": 0,
      "aria-orientation": axis === "x" ? "horizontal" : "vertical",
    });
    this.drags(handle, name, (event) => (axis === "x" ? event.clientX : event.clientY) * outwards / this.view.scale);
    handle.addEventListener("keydown", (event) => {
      const by = ARROWS[axis][event.key];
      if (!by) return;
      event.preventDefault();
      this.set({ [name]: this.sides[name] + by * outwards * STEP });
      this.changed(true);
    });
    return handle;
  }

  /** Let a handle be dragged; `along` is how far outwards a pointer is, in pixels of the picture. */
  drags(handle, name, along) {
    let held = null;      // what to add to the pointer's place to get the side's width
    const release = () => {
      if (held !== null) this.changed(true);
      held = null;
    };
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      held = this.sides[name] - along(event);
    });
    handle.addEventListener("pointermove", (event) => {
      if (held === null) return;
      this.set({ [name]: held + along(event) });
      this.changed(false);
    });
    handle.addEventListener("pointerup", release);
    handle.addEventListener("pointercancel", release);
  }

  field({ name, label }) {
    const input = h("input", {
      type: "number",
      min: 0,
      max: this.limit,
      step: STEP,
      value: 0,
      title: t(label),
      "aria-label": t(label),
    });
    input.addEventListener("change", () => { this.set({ [name]: input.value }); this.changed(true); });
    return input;
  }
}

const px = (values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, `${value}px`]));
const within = (at, size) => Math.min(size - 10, Math.max(10, at));

const ARROWS = { x: { ArrowLeft: -1, ArrowRight: 1 }, y: { ArrowUp: -1, ArrowDown: 1 } };
const SIDES = [
  {
    name: "left",
    opposite: "right",
    extent: "width",
    axis: "x",
    outwards: -1,
    short: "Left",
    label: "Extend to the left, in pixels",
  },
  {
    name: "top",
    opposite: "bottom",
    extent: "height",
    axis: "y",
    outwards: -1,
    short: "Top",
    label: "Extend upwards, in pixels",
  },
  {
    name: "right",
    opposite: "left",
    extent: "width",
    axis: "x",
    outwards: 1,
    short: "Right",
    label: "Extend to the right, in pixels",
  },
  {
    name: "bottom",
    opposite: "top",
    extent: "height",
    axis: "y",
    outwards: 1,
    short: "Bottom",
    label: "Extend downwards, in pixels",
  },
];
