// The brush: its settings, and a stroke of it.
import { browser } from "../core/storage.js";
import { blank } from "./layer.js";

export const SIZES = { least: 1, most: 1024 };      // diameter, pixels of the picture
const SPACING = 0.12;      // of the radius, between two dabs: close enough that the edge looks drawn in one go
const MASK = "#e5484d";    // masks have no colour of their own; shown in the red of masking film, or as is set

export class Brush {
  /** abilities: of the kind of editor; `ink` is a colour that nobody chooses, `lines` begin thin */
  constructor(kind, { coloured, ink = null, lines = false }) {
    this.name = `editor.${kind}.brush`;
    Object.assign(this, { coloured, fixed: ink, lines });
    Object.assign(this, { size: null, softness: 0, opacity: 1, colour: "#ffffff" }, browser.get(this.name));
  }

  /** Give a brush that nobody has sized yet one that suits the picture. */
  suit(width, height) {
    const [least, share] = this.lines ? [2, 128] : [8, 16];
    this.size ??= Math.max(least, Math.round(Math.max(width, height) / share));
  }

  set(values) {
    Object.assign(this, values);
    this.size = Math.min(SIZES.most, Math.max(SIZES.least, this.size));
    const { size, softness, opacity, colour } = this;
    browser.set(this.name, { size, softness, opacity, colour });
  }

  /** One notch larger (+1) or smaller (-1), at least a pixel. */
  grow(direction) {
    this.set({ size: this.size + direction * Math.max(1, this.size * 0.12) });
  }

  get ink() {
    return this.coloured ? this.colour : this.fixed ?? (window.opts.img2img_inpaint_mask_brush_color || MASK);
  }

  stroke(layer, erase) {
    return new Stroke(layer, {
      radius: this.size / 2,
      softness: this.softness,
      opacity: this.opacity,
      ink: this.ink,
      erase,
    });
  }
}

/** Dabs along a path. They gather on tiles of their own, so that opacity counts once for the whole stroke. */
class Stroke {
  constructor(layer, look) {
    this.layer = layer;
    this.look = look;
    this.tiles = new Map();      // key → { before, paint, after }
    this.stale = new Set();      // keys whose paint is not yet on the layer
  }

  /** Paint up to points of { x, y, pressure } in pixels of the picture, pressure from 0 to 1. */
  through(points) {
    for (const point of points) this.reach(point);
    for (const key of this.stale) this.compose(key);
    this.stale.clear();
  }

  reach(to) {
    const from = this.last ?? to;
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    let at = this.due ?? 0;
    while (at <= length) {
      const part = length ? at / length : 0;
      const radius = this.look.radius * (from.pressure + (to.pressure - from.pressure) * part);
      this.dab(from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part, Math.max(0.5, radius));
      at += Math.max(0.5, radius * SPACING);
    }
    this.due = at - length;
    this.last = to;
  }

  dab(x, y, radius) {
    for (const key of this.layer.under(x - radius, y - radius, x + radius, y + radius)) {
      const { paint } = this.touched(key);
      const place = this.layer.place(key);
      paint.setTransform(radius, 0, 0, radius, x - place.x, y - place.y);
      paint.beginPath();
      paint.arc(0, 0, 1, 0, 2 * Math.PI);
      paint.fill();
      this.stale.add(key);
    }
  }

  touched(key) {
    if (!this.tiles.has(key)) {
      const paint = this.layer.fresh(key);
      paint.fillStyle = this.fillStyle ??= unitDab(paint, this.look);
      this.tiles.set(key, { before: this.layer.tiles.get(key) ?? null, paint, after: this.layer.fresh(key) });
    }
    return this.tiles.get(key);
  }

  compose(key) {
    const { before, paint, after } = this.tiles.get(key);
    after.globalAlpha = 1;
    after.globalCompositeOperation = "copy";
    if (before) after.drawImage(before, 0, 0);
    else after.clearRect(0, 0, after.canvas.width, after.canvas.height);
    after.globalAlpha = this.look.opacity;
    after.globalCompositeOperation = this.look.erase ? "destination-out" : "source-over";
    after.drawImage(paint.canvas, 0, 0);
    this.layer.put(key, after.canvas);
  }

  /** The patch of the whole stroke; tiles that the eraser left empty are given back. */
  end() {
    const patch = new Map(
      [...this.tiles].map(([key, { before, after }]) => [key, { before, after: this.kept(after.canvas) }]),
    );
    if (this.look.erase) this.layer.apply(patch, "after");
    return patch;
  }

  kept(tile) { return this.look.erase && blank(tile) ? null : tile; }

  cancel() {
    for (const [key, { before }] of this.tiles) this.layer.put(key, before);
  }
}

/** What fills a dab of radius one: flat, or fading outwards from a core that softness shrinks. */
function unitDab(context, { ink, softness }) {
  if (!softness) return ink;
  const fade = context.createRadialGradient(0, 0, 1 - softness, 0, 0, 1);
  const colour = (alpha) => ink + Math.round(255 * alpha).toString(16).padStart(2, "0");
  for (const at of [0, 0.25, 0.5, 0.75, 1]) fade.addColorStop(at, colour((1 - at) ** 2));
  return fade;
}
