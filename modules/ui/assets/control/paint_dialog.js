// The picture editor in a dialog, for what is painted by hand: scribbles, and masks of regions.
import { dialogOf, opened, textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { tab } from "../core/storage.js";

const GREY = "#808080", BLACK = "#000000";

/** What was painted, white on black; `inverted` is black on white. */
export class PaintDialog {
  /** kind: the editor's, "scribble" or "region"; key: under which it is kept over a reload; title: the dialog's; done:
   * the word on its button
   */
  constructor({ kind, key, title, done }) {
    Object.assign(this, { kind, key, title, done, host: null });
    this.inverts = h("input", { type: "checkbox", onchange: () => this.look() });
  }

  async build() {
    const [{ Editor }, { png }] = await Promise.all([import("../editor/editor.js"), import("../editor/png.js")]);
    this.png = png;
    this.host = h("div.paint-host");
    this.editor = new Editor(this.host, {
      kind: this.kind, key: this.key, travels: false, onChange: () => this.changed(),
    });
    this.button = textButton(this.done, () => this.use(), ".card-primary");
    this.empty = textButton(t("Empty canvas"), () => this.begin(null));
    this.over = textButton(t("Over the picture"), () => this.begin(this.ground));
  }

  /** Let somebody paint; resolves with { file, inverted }, or null.
   *
   * ground: a Blob to paint over, or null for an empty canvas of `size`; last: the name of what the unit has now, which
   * `made` said was painted here: then its strokes are gone on with, as are those that the server did not take
   */
  async open({ ground, size, last = "" }) {
    if (!this.host) await this.build();
    Object.assign(this, { ground, size, result: null });
    await this.editor.ready;
    const goesOn = this.editor.hasImage && (this.pending || (last && tab.get(`${this.key}.made`) === last));
    const dialog = this.dialog = this.dialogOf();
    const closed = opened(dialog);
    if (!goesOn) await this.begin(ground);
    this.changed();
    await closed;
    this.leave();
    return this.result;
  }

  dialogOf() {
    const scribbles = this.kind === "scribble";
    const invert = scribbles ? h("label.paint-check", {}, this.inverts, t("Black lines on white")) : null;
    this.over.hidden = !this.ground;
    return dialogOf({
      title: this.title, kind: "paint-dialog", body: this.host, foot: [invert, this.empty, this.over, this.button]
        .filter(Boolean),
    });
  }

  /** Begin anew, over a picture or on an empty canvas. */
  async begin(ground) {
    this.blank = !ground;
    await this.editor.load(ground ?? await plain(this.size, this.kind === "scribble" ? BLACK : GREY));
    this.look();
  }

  look() { this.editor.root.classList.toggle("editor-inverted", Boolean(this.blank) && this.inverts.checked); }

  changed() { this.button.disabled = !this.editor.state.hasMask; }

  async use() {
    const inverted = this.kind === "scribble" && this.inverts.checked, mask = await this.editor.mask();
    const blob = inverted ? await this.png(await turnedOver(mask)) : mask;
    this.result = { file: new File([blob], `${this.kind}.png`, { type: "image/png" }), inverted };
    this.pending = true;      // until it is kept
    this.dialog.close();
  }

  /** What is painted was kept under this name; "": it was not. */
  made(name) {
    if (!name) return;
    this.pending = false;
    tab.set(`${this.key}.made`, name);
  }

  /** The editor hears no key of the page while it is not shown. */
  leave() {
    if (this.editor.fullScreen.on) this.editor.fullScreen.toggle();
    this.editor.hovered = false;
  }
}

function plain({ width, height }, colour) {
  const canvas = new OffscreenCanvas(width, height), paint = canvas.getContext("2d");
  paint.fillStyle = colour;
  paint.fillRect(0, 0, width, height);
  return canvas.convertToBlob();
}

/** A picture with white for black. */
async function turnedOver(blob) {
  const picture = await createImageBitmap(blob), canvas = new OffscreenCanvas(picture.width, picture.height);
  const paint = canvas.getContext("2d");
  paint.drawImage(picture, 0, 0);
  paint.globalCompositeOperation = "difference";
  paint.fillStyle = "white";
  paint.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}
