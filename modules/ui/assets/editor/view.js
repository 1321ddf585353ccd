// Where the picture is seen: a scale and an offset, left to the browser's compositor. Nothing is redrawn to zoom or
// pan.
const MARGIN = 12;         // pixels of the page around a fitted picture
const HELD = 40;           // of the picture always stay in sight
const SCALES = { least: 0.02, most: 32 };
const WHEEL = 1.15;        // what a notch of the wheel zooms by
const PIXELS = 6;          // screen pixels per pixel of the picture from which they are shown as squares

export class View {
  /** `stage` is the window, `paper` lies in it at native size, `moved` is told of every change. */
  constructor(stage, paper, moved) {
    Object.assign(this, { stage, paper, moved, scale: 1, x: 0, y: 0, margin: MARGIN });
    // what is to be seen, in pixels of the picture; wider than it by the border
    this.sheet = { left: 0, top: 0, right: 1, bottom: 1 };
    this.fitted = true;                                         // until somebody zooms or pans
    new ResizeObserver(() => this.fitted ? this.fit() : this.place()).observe(stage);
  }

  fit() {
    const { left, top, right, bottom } = this.sheet;
    const { clientWidth, clientHeight } = this.stage;
    this.fitted = true;
    if (!clientWidth) return;      // folded away; fitted once it is seen
    this.scale = limited(
      Math.min((clientWidth - 2 * this.margin) / (right - left), (clientHeight - 2 * this.margin) / (bottom - top)),
    );
    this.x = (clientWidth - (right + left) * this.scale) / 2;
    this.y = (clientHeight - (bottom + top) * this.scale) / 2;
    this.place();
  }

  /** Zoom so that the point of the stage under `at` stays where it is; without one, the middle does. */
  zoom(factor, at = { x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 }) {
    const scale = limited(this.scale * factor);
    this.x = at.x - (at.x - this.x) * scale / this.scale;
    this.y = at.y - (at.y - this.y) * scale / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.place();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.place();
  }

  /** Two fingers moved and spread, by a factor; `at` is the pointer's place between them. */
  pinch(factor, at, dx, dy) {
    this.pan(dx, dy);
    this.zoom(factor, this.onStage(at));
  }

  wheel(event) { this.zoom(WHEEL ** upwards(event), this.onStage(event)); }

  place() {
    if (!this.stage.clientWidth) return;
    const { left, top, right, bottom } = this.sheet;
    this.x = held(this.x, left * this.scale, right * this.scale, this.stage.clientWidth);
    this.y = held(this.y, top * this.scale, bottom * this.scale, this.stage.clientHeight);
    this.paper.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.paper.classList.toggle("editor-pixels", this.scale * devicePixelRatio >= PIXELS);
    this.moved();
  }

  /** A pointer's place on the stage. */
  onStage({ clientX, clientY }) {
    const { left, top } = this.stage.getBoundingClientRect();
    return { x: clientX - left - this.stage.clientLeft, y: clientY - top - this.stage.clientTop };
  }

  /** A pointer's place on the picture, in its pixels. */
  onPicture(event) {
    const { x, y } = this.onStage(event);
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }
}

/** Which way a wheel is turned: 1 is away from its hand, -1 towards it. */
export const upwards = ({ deltaX, deltaY }) => -Math.sign(deltaY || deltaX);

const limited = (scale) => Math.min(SCALES.most, Math.max(SCALES.least, scale));

/** An offset with which a stretch from `start` to `end` still reaches into 0 … size. */
function held(offset, start, end, size) {
  const rest = Math.min(HELD, end - start);
  return Math.min(size - rest - start, Math.max(rest - end, offset));
}
