// A picture editor for img2img, inpainting, sketches and outpainting.
import { h, t } from "../core/dom.js";
import { Border, NO_BORDER } from "./border.js";
import { Brush } from "./brush.js";
import { decoded, discard, fetched, LIMIT, reduced } from "./files.js";
import { icon } from "./icons.js";
import { Intake } from "./intake.js";
import { Keys } from "./keys.js";
import { Painting } from "./painting.js";
import { png } from "./png.js";
import { Pointers } from "./pointers.js";
import { FullScreen } from "./screen.js";
import { Store } from "./store.js";
import { Toolbar } from "./toolbar.js";
import { upwards, View } from "./view.js";

const SENT = ["image/png", "image/jpeg", "image/webp"];      // what the server reads as the browser does
const MARGINS = { plain: 12, handles: 28 };      // pixels of the page around a fitted picture

/** For others it has load(File | Blob | url) → whether it is a picture, image() → Blob, mask() → Blob | null, clear(),
 * border({ left, top, right, bottom }), state { width, height, hasImage, hasMask, border }, and ready, a promise: all
 * is restored.
 */
export class Editor {
  /** In the element `host`.
   *
   * kind: "image" (a picture), "mask" (inpaint), "sketch" (paint on it), "mask-sketch" (paint on it, and the strokes
   * are the mask), "region" (a mask alone), "scribble" (white lines, which are the mask)
   * key: the name under which picture and strokes survive a reload; travels: to an account's other devices too;
   * onChange(state): told of every change;
   * onPicture(state): told of
   * each picture that somebody opens, not of one that was here before a reload
   */
  constructor(host, { kind, key, travels = true, onChange = () => {}, onPicture = () => {} }) {
    Object.assign(this, {
      kind,
      onChange,
      onPicture,
      abilities: ABILITIES[kind],
      file: null,
      tool: "brush",
      hovered: false,
      pointer: null,
    });
    Object.assign(this, { extending: false, showsStrokes: true });
    this.loads = 0;      // pictures asked for so far; only the newest is shown
    this.brush = new Brush(kind, this.abilities);
    this.painting = new Painting(this.abilities, this.brush, (tiles) => { this.store.tiles(tiles); this.changed(); });
    this.store = new Store(key, travels);
    this.build(host);
    this.listen();
    this.begin(null, 1, 1, NO_BORDER);
    this.ready = this.restore();
  }

  get hasImage() { return this.file !== null; }

  get state() {
    const { width, height } = this.hasImage ? this.painting.layer : { width: 0, height: 0 };
    return {
      width,
      height,
      hasImage: this.hasImage,
      hasMask: this.abilities.masks && !this.painting.empty,
      border: { ...this.edge.sides },
    };
  }

  /** Open a picture. What is wrong with it is said in the editor, and what was there stays. */
  async load(source) {
    const load = ++this.loads;
    try {
      const file = source instanceof Blob ? source : await fetched(source);
      const picture = await decoded(file);
      if (load !== this.loads) return false;
      this.show(file, picture, NO_BORDER);
      this.store.picture(file, this.edge.sides);
      this.onPicture(this.state);
      return true;
    } catch (error) {
      if (load === this.loads) this.complain(error.message);
      return false;
    }
  }

  /** The picture: for a mask the file as it is; else a PNG at native size, strokes included.
   *
   * asIs: an unpainted file will do whatever its kind; share: of its sides, where fewer pixels will do (`reduced` says
   * how).
   */
  async image({ asIs = false, share = 1 } = {}) {
    if (!this.hasImage) return null;
    const plain = this.kind === "mask" || this.painting.empty;
    if (share < 1)
      return png(reduced(plain ? this.painting.picture : this.painting.composite(), this.painting.layer, share));
    const untouched = this.kind === "mask" || (plain && (asIs ? SENT : ["image/png"]).includes(this.file.type));
    return untouched ? this.file : png(this.painting.composite());
  }

  /** White strokes on black at native size; null if there are none. */
  async mask() {
    return this.state.hasMask ? png(this.painting.mask()) : null;
  }

  clear() {
    this.loads++;
    this.file = null;
    this.extending = false;
    if (this.fullScreen.on) this.fullScreen.toggle();
    this.begin(null, 1, 1, NO_BORDER);
    this.store.clear();
    this.changed();
  }

  border(sides) {
    if (!this.abilities.extends || !this.hasImage) return;
    this.edge.set(sides);
    this.edged(true);
  }

  // Beginnings ----------------------------------------------------------------------------------------------------

  build(host) {
    this.root = h(`div.editor.editor-${this.kind}`);
    this.paper = h("div.editor-paper");
    this.ring = h("div.editor-ring", { "aria-hidden": "true", hidden: true });
    this.status = h("p.editor-status", { "aria-hidden": "true" });
    this.stage = h("div.editor-stage", { tabIndex: 0, role: "application", "aria-label": t("Picture") });
    this.view = new View(this.stage, this.paper, () => this.moved());
    this.edge = new Border(this.view, LIMIT, (done) => this.edged(done));
    this.intake = new Intake(this.root, (file) => this.load(file), () => this.wantsPaste());
    this.fullScreen = new FullScreen(host, this.root, () => { this.view.fit(); this.refresh(); });
    this.toolbar = new Toolbar(this);
    this.stage.append(
      this.edge.frame,
      this.paper,
      this.ring,
      ...this.edge.handles,
      this.status,
      this.intake.invitation,
      this.trouble(),
    );
    this.root.append(this.toolbar.element, this.stage, this.intake.chooser);
    host.append(this.root);
  }

  trouble() {
    this.error = h("p", { role: "alert" });
    const onclick = () => this.complain("");
    const close = h(
      "button.editor-button",
      { type: "button", title: t("Close"), "aria-label": t("Close"), onclick },
      icon("close"),
    );
    return h("div.editor-trouble", {}, this.error, close);
  }

  listen() {
    this.root.addEventListener("pointerenter", () => { this.hovered = true; });
    this.root.addEventListener("pointerleave", () => { this.hovered = false; });
    this.keys = new Keys(this);
    this.pointers = new Pointers(this.stage, {
      pans: () => !this.abilities.paints || this.keys.grabs || this.keys.pans,
      begin: (event) => this.press(event),
      paint: (events) => this.painting.paint(events.map((event) => this.point(event))),
      end: () => this.painting.finish(),
      cancel: () => this.painting.cancel(),
      pan: (dx, dy) => this.view.pan(dx, dy),
      pinch: (...fingers) => this.view.pinch(...fingers),
      hover: (event, dx, dy) => this.hover(event, dx, dy),
      leave: () => { this.pointer = null; this.drawRing(); },
      wheel: (event) => this.wheel(event),
    });
  }

  /** A picture, or none, with nothing painted on it. */
  begin(picture, width, height, sides) {
    if (this.painting.picture) discard(this.painting.picture);
    this.painting.begin(picture, width, height);
    this.painting.layer.canvas.className = "editor-layer";
    Object.assign(this.paper.style, { width: `${width}px`, height: `${height}px` });
    this.paper.replaceChildren(...[picture, this.painting.layer.canvas].filter(Boolean));
    this.edge.surround(width, height, sides);
    this.root.classList.toggle("editor-filled", this.hasImage);
    this.complain("");
    this.look();
    this.refresh();
  }

  show(file, picture, sides) {
    this.file = file;
    this.extending ||= Object.values(sides).some(Boolean);
    this.brush.suit(picture.naturalWidth, picture.naturalHeight);
    this.begin(picture, picture.naturalWidth, picture.naturalHeight, sides);
    this.changed();
  }

  /** Bring back what was here before the page was reloaded. */
  async restore() {
    const found = await this.store.read();
    const picture = found && await decoded(found.file).catch(() => null);
    if (!picture) return;
    const tiles = await Promise.all([...found.tiles].map(async ([key, tile]) => [key, await createImageBitmap(tile)]));
    if (this.loads) return;      // another picture came meanwhile
    this.show(found.file, picture, found.border);
    this.painting.recall(tiles);
    this.changed();
  }

  // What people do ------------------------------------------------------------------------------------------------

  choose(tool) { this.tool = tool; }

  resize(direction) {
    this.brush.grow(direction);
    this.refresh();
  }

  press(event) {
    const at = this.point(event);
    const penEraser = event.button === 5;      // as Pointer Events number it
    if (this.tool === "fill") this.painting.fill(at);
    else if (this.tool === "pick") this.pick(at);
    else this.painting.press(at, penEraser || this.tool === "eraser");
  }

  /** A pointer's event as a point of a stroke; only a pen knows pressure. */
  point(event) {
    return { ...this.view.onPicture(event), pressure: event.pointerType === "pen" ? event.pressure : 1 };
  }

  /** Take a colour from the picture, and go on painting with it. */
  pick(point) {
    const colour = this.painting.colour(point);
    if (!colour) return;
    this.brush.set({ colour });
    this.choose("brush");
    this.refresh();
  }

  pickUnderPointer() { if (this.pointer) this.pick(this.view.onPicture(this.pointer)); }

  hover(event, dx, dy) {
    this.pointer = event;
    if (this.keys.pans && !this.pointers.down.size) this.view.pan(dx, dy);
    else this.drawRing();
  }

  /** Alt: zoom. Ctrl: brush size; a pinch on a trackpad says Ctrl too, without the key. */
  wheel(event) {
    if (!this.hasImage) return;
    const sizes = event.ctrlKey && this.keys.ctrl && this.abilities.paints;
    if (!sizes && !event.altKey && !event.ctrlKey && !this.fullScreen.on) return;      // the page scrolls
    event.preventDefault();
    if (sizes) this.resize(upwards(event));
    else this.view.wheel(event);
  }

  toggleStrokes() {
    this.showsStrokes = !this.showsStrokes;
    this.root.classList.toggle("editor-bare", !this.showsStrokes);
  }

  toggleBorder() {
    this.extending = !this.extending;
    this.look();
  }

  /** The border changed; `done` is false while a handle is still being dragged. */
  edged(done) {
    this.view.sheet = this.edge.sheet;
    if (done && this.view.fitted) this.view.fit();
    else this.view.place();
    if (!done) return;
    this.store.border(this.edge.sides);
    this.changed();
  }

  /** A paste goes to the editor that has the focus, else to the one under the pointer. */
  wantsPaste() {
    const focused = document.activeElement?.closest(".editor");
    return focused ? focused === this.root : this.hovered;
  }

  // What they see -------------------------------------------------------------------------------------------------

  /** Show everything, with room for the handles if they are out. */
  look() {
    this.root.classList.toggle("editor-extending", this.extending);
    this.view.sheet = this.edge.sheet;
    this.view.margin = this.extending ? MARGINS.handles : MARGINS.plain;
    this.view.fit();
  }

  /** The view moved: what lies beside the paper follows. */
  moved() {
    this.edge.place();
    this.root.classList.toggle("editor-zoomed", !this.view.fitted);
    this.drawRing();
    const { width, height } = this.painting.layer;
    const { left, top, right, bottom } = this.view.sheet;
    const extended = this.edge.any ? ` → ${right - left} × ${bottom - top}` : "";
    this.status.textContent = this.hasImage
      ? `${width} × ${height}${extended} · ${Math.round(this.view.scale * 100)} %`
      : "";
  }

  /** The brush's outline under the pointer. */
  drawRing() {
    const draws = ["brush", "eraser"].includes(this.tool) && this.abilities.paints && this.hasImage;
    this.ring.hidden = !draws || !this.pointer || this.pointer.pointerType === "touch";
    if (this.ring.hidden) return;
    const { x, y } = this.view.onStage(this.pointer);
    const size = Math.max(3, this.brush.size * this.view.scale);
    Object.assign(this.ring.style, {
      width: `${size}px`,
      height: `${size}px`,
      transform: `translate(${x - size / 2}px, ${y - size / 2}px)`,
    });
  }

  refresh() {
    this.root.dataset.tool = this.abilities.paints ? this.tool : "pan";
    this.toolbar.refresh();
    this.drawRing();
  }

  changed() {
    this.refresh();
    this.onChange(this.state);
  }

  complain(text) { this.error.textContent = text; }
}

const ABILITIES = {
  image: { paints: false, coloured: false, masks: false, extends: true },
  mask: { paints: true, coloured: false, masks: true, extends: true },
  sketch: { paints: true, coloured: true, masks: false, extends: false },
  "mask-sketch": { paints: true, coloured: true, masks: true, extends: false },
  region: { paints: true, coloured: false, masks: true, extends: false },
  scribble: { paints: true, coloured: false, masks: true, extends: false, ink: "#ffffff", lines: true },
};
