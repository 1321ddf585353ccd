// A picture with a layer of strokes over it, and what can be done to them.
import { filling, flooded } from "./fill.js";
import { History } from "./history.js";
import { canvas, Layer } from "./layer.js";

const STRIP = 256;      // rows worked on at once

export class Painting {
  /** `told` receives the tiles that changed: Map of key → canvas, or null where nothing is painted any more. */
  constructor(abilities, brush, told) {
    Object.assign(this, { abilities, brush, told, history: new History() });
    // of the fill, in levels of 255: like colours, or what is not masked
    this.tolerance = abilities.coloured ? 32 : 128;
    this.begin(null, 1, 1);
  }

  /** A blank layer over a picture, and nothing to undo. */
  begin(picture, width, height) {
    Object.assign(this, { picture, stroke: null, layer: new Layer(width, height) });
    this.history.clear();
  }

  get empty() { return this.layer.empty; }

  // Strokes: from `press` through `paint` to `finish`, or `cancel`.

  press(point, erase) {
    this.stroke = this.brush.stroke(this.layer, erase);
    this.stroke.through([point]);
  }

  paint(points) { this.stroke?.through(points); }

  finish() {
    const patch = this.stroke?.end();
    this.stroke = null;
    if (patch?.size) this.did(patch);
  }

  cancel() {
    this.stroke?.cancel();
    this.stroke = null;
  }

  // Steps, each of which can be undone.

  fill(point) {
    const at = this.pixel(point);
    if (!at) return;
    const seen = this.abilities.coloured ? this.composite() : this.mask();
    const marks = flooded(
      seen.getContext("2d").getImageData(0, 0, seen.width, seen.height),
      at.x,
      at.y,
      this.tolerance,
    );
    this.do(filling(this.layer, marks, this.brush.ink, this.brush.opacity));
  }

  wipe() { this.do(this.layer.wiped()); }

  do(patch) {
    if (!patch.size) return;
    this.layer.apply(patch, "after");
    this.did(patch);
  }

  did(patch) {
    this.history.push(patch);
    this.tell(patch, "after");
  }

  undo() { if (!this.stroke) this.step(this.history.undo(), "before"); }
  redo() { if (!this.stroke) this.step(this.history.redo(), "after"); }

  step(patch, side) {
    if (!patch) return;
    this.layer.apply(patch, side);
    this.tell(patch, side);
  }

  tell(patch, side) {
    this.told(new Map([...patch].map(([key, tiles]) => [key, tiles[side]])));
  }

  /** Put back tiles that were kept: Map of key → anything that can be drawn. */
  recall(tiles) {
    for (const [key, tile] of tiles) this.layer.put(key, this.layer.fresh(key, tile).canvas);
  }

  // What it looks like.

  pixel({ x, y }) {
    const at = { x: Math.floor(x), y: Math.floor(y) };
    return at.x >= 0 && at.y >= 0 && at.x < this.layer.width && at.y < this.layer.height ? at : null;
  }

  /** The colour seen at a point, "#rrggbb"; null beside the picture. */
  colour(point) {
    const at = this.pixel(point);
    if (!at) return null;
    const context = canvas(1, 1).getContext("2d");
    for (const seen of [this.picture, this.layer.canvas]) context.drawImage(seen, -at.x, -at.y);
    return (
      "#" +
      [...context.getImageData(0, 0, 1, 1).data]
        .slice(0, 3)
        .map((value) => value.toString(16).padStart(2, "0"))
        .join("")
    );
  }

  /** The picture with the strokes, as a canvas at native size. */
  composite() {
    const whole = canvas(this.layer.width, this.layer.height);
    for (const seen of [this.picture, this.layer.canvas]) whole.getContext("2d").drawImage(seen, 0, 0);
    return whole;
  }

  /** The strokes in white on black, as a canvas at native size. */
  mask() {
    const mask = canvas(this.layer.width, this.layer.height);
    const context = mask.getContext("2d");
    context.drawImage(this.layer.canvas, 0, 0);
    if (this.abilities.coloured) harden(context);      // a sketch masks wherever it changed the picture at all
    for (const [how, colour] of [["source-in", "white"], ["destination-over", "black"]]) {
      context.globalCompositeOperation = how;
      context.fillStyle = colour;
      context.fillRect(0, 0, mask.width, mask.height);
    }
    return mask;
  }
}

/** Make whatever is painted at all opaque. By strips, so that a large picture needs no second copy of itself. */
function harden(context) {
  const { width, height } = context.canvas;
  for (let top = 0; top < height; top += STRIP) {
    const image = context.getImageData(0, top, width, Math.min(STRIP, height - top));
    for (let at = 3; at < image.data.length; at += 4) if (image.data[at]) image.data[at] = 255;
    context.putImageData(image, 0, top);
  }
}
