// The picture in a viewer: fitted or zoomed with wheel, fingers and keys, moved by dragging, and laid against another.
import { h, t } from "../core/dom.js";
import { fitted, held, isFitted, moved, zoomed } from "./zoom.js";

const WHEEL = 0.0016;      // of a doubling, a pixel that the wheel scrolls
const STEP = 1.5;          // of a key or button
const SLIP = 4;            // pixels within which a press is a click
const SWIPE = 60;          // pixels across which a press turns to the next picture

export class Sheet {
  /** told: { clicked(), changed(), swiped(±1) } */
  constructor(told) {
    Object.assign(this, { told, size: null, view: null, whole: true, fingers: new Map(), dragged: 0, turn: 0 });
    this.image = h("img", { alt: "", draggable: false });
    this.other = h("img.against", { alt: "", draggable: false, hidden: true });
    this.layer = h("div.viewer-sheet", {}, this.image, this.other);
    this.slider = h("input.viewer-slider", {
      type: "range", min: 0, max: 100, value: 50, step: 0.1, hidden: true, "aria-label": t("How much of each is seen"),
      oninput: () => this.divide(),
    });
    this.line = h("div.viewer-line", { hidden: true });
    this.element = h("div.viewer-stage", {}, this.layer, this.line, this.slider);
    this.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const [name, take] of Object.entries({
      pointerdown: "press", pointermove: "move", pointerup: "lift", pointercancel: "lose",
    }))
      this.element.addEventListener(name, (event) => this[take](event));
    new ResizeObserver(() => this.resized()).observe(this.element);
  }

  get room() { return { width: this.element.clientWidth, height: this.element.clientHeight }; }

  /** Show a picture as soon as it is there; until then the one before it stays. Resolves as false if there is none. */
  async show(url, alt) {
    const turn = ++this.turn, image = h("img", { src: url, alt, draggable: false });
    const came = await image.decode().then(() => true, () => image.complete && image.naturalWidth > 0);
    if (turn !== this.turn) return true;
    this.image.replaceWith(image);
    this.image = image;
    const size = came ? { width: image.naturalWidth, height: image.naturalHeight } : null;
    const same = this.size && size && this.size.width === size.width && this.size.height === size.height;
    this.size = size;
    if (!same || !this.view) this.view = null;      // pictures of one size are looked at in the same place
    this.lay();
    return came;
  }

  /** Lay another picture's left part over this one's, or nothing. */
  against(url, alt = "") {
    this.other.hidden = this.slider.hidden = this.line.hidden = !url;
    if (url) Object.assign(this.other, { src: url, alt });
    else this.other.removeAttribute("src");
    this.divide();
  }

  fit() {
    this.view = null;
    this.lay();
  }

  get isFitted() { return !this.size || !this.view || isFitted(this.view, this.size, this.room); }

  /** One pixel of the picture on one of the screen, or all of it. */
  pixels() {
    if (!this.size) return;
    const exact = 1 / devicePixelRatio, is = Math.abs(this.view.scale - exact) < 1e-3;
    this.view = is ? fitted(this.size, this.room) : held({ scale: exact, x: 0, y: 0 }, this.size, this.room);
    this.lay();
  }

  zoom(up, point = { x: 0, y: 0 }, factor = STEP) {
    if (!this.size) return;
    this.view = zoomed(this.view, up ? factor : 1 / factor, point, this.size, this.room);
    this.lay();
  }

  /** What just fitted into the room it had just fits into another, too. */
  resized() {
    if (this.whole) this.view = null;
    this.lay();
  }

  lay() {
    const { room, size } = this;
    if (!room.width || !size) return this.told.changed();
    this.view = this.view ? held(this.view, size, room) : fitted(size, room);
    const { scale, x, y } = this.view;
    const width = size.width * scale, height = size.height * scale;
    const left = Math.round((room.width - width) / 2 + x), top = Math.round((room.height - height) / 2 + y);
    Object.assign(this.layer.style, {
      width: `${width}px`, height: `${height}px`, transform: `translate(${left}px, ${top}px)`,
    });
    this.layer.classList.toggle("pixelated", scale * devicePixelRatio >= 3);
    this.whole = this.isFitted;
    this.element.classList.toggle("zoomed", !this.whole);
    this.divide();
    this.told.changed();
  }

  /** The line stands where the slider does, on the picture and not on the window. */
  divide() {
    if (this.slider.hidden || !this.view || !this.size) return;
    const { room } = this, width = this.size.width * this.view.scale;
    const left = (room.width - width) / 2 + this.view.x, at = (this.slider.value / 100) * room.width;
    const part = Math.max(0, Math.min(1, (at - left) / width));
    this.other.style.clipPath = `inset(0 ${(1 - part) * 100}% 0 0)`;
    this.line.style.left = `${at}px`;
  }

  get percent() { return (this.size && this.view ? Math.round(this.view.scale * devicePixelRatio * 100) : null); }

  from({ clientX, clientY }) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  }

  wheel(event) {
    event.preventDefault();
    const by = event.deltaY * (event.deltaMode ? 30 : 1);
    this.zoom(by < 0, this.from(event), 2 ** (Math.abs(by) * WHEEL));
  }

  press(event) {
    if (event.target === this.slider || event.button > 0) return;
    this.element.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, this.from(event));
    if (this.fingers.size === 1) Object.assign(this, { dragged: 0, began: this.from(event) });
  }

  move(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before || !this.size) return;
    const now = this.from(event), by = { x: now.x - before.x, y: now.y - before.y };
    this.dragged += Math.hypot(by.x, by.y);
    const others = [...this.fingers].filter(([id]) => id !== event.pointerId);
    this.fingers.set(event.pointerId, now);
    if (others.length) {
      const [, other] = others[0], apart = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      this.zoom(true, middle, apart(now) / apart(before));
    } else if (!this.isFitted) {
      this.view = moved(this.view, by, this.size, this.room);
      this.lay();
    }
  }

  lift(event) {
    if (!this.fingers.delete(event.pointerId) || this.fingers.size) return;
    if (this.dragged <= SLIP) return this.told.clicked();
    const across = this.from(event).x - this.began.x;
    if (this.isFitted && Math.abs(across) > SWIPE) this.told.swiped(across < 0 ? 1 : -1);
  }

  lose({ pointerId }) { this.fingers.delete(pointerId); }
}
