// The pictures of the img2img tab: an editor for each way to use one, and what is sent of them.
import { byId, h, pause, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { server } from "../core/server.js";
import { Editor } from "../editor/editor.js";
import { BatchPictures } from "./batch.js";
import { copyRow } from "./copies.js";
import { capped, likeModel } from "./sizes.js";

const HAS_MASK = new Set(["mask", "mask-sketch", "upload"]);
// how many times as wide and high as the result a picture is sent: the server does the last step, as ever
const SPARE = 2;
const WORTH = 0.7;      // a share of the sides from which on fewer pixels are no gain
const OVERLAP = 8;      // pixels of the picture that an outpainted border is blended into

export const startImages = (tab) => new Images(tab);

/** The editors, one for each way to use a picture, and what the tab sends of them. */
class Images {
  constructor(tab) {
    Object.assign(this, { tab, form: tab.form, place: byId("mode_img2img"), batch: new BatchPictures(tab.form) });
    this.modes = new Map(); // kind → its editors
    this.suited = null; // { picture, size }: what the form was given for which picture
    this.sizesCome = false; // with the picture that is just being received
    Object.assign(tab, {
      prepare: () => this.prepare(),
      sends: () => t("Sending the picture…"),
      detectSize: () => this.detectSize(),
      pictureSize: () => this.pictureSize(),
      receive: (...given) => this.receive(...given),
      take: (files, sized) => (this.batch.active ? this.batch.take(files) : this.take(files, sized)),
      drawing: () => this.drawing(),
      followed: () => this.followed(),
    });
    const changes = { childList: true, subtree: true, attributes: true, attributeFilter: ["style", "class"] };
    new MutationObserver(() => this.look()).observe(this.place, changes);
    this.form.onChange(() => this.look());
    this.form.onChange(showSizes);
    this.look();
    showSizes(this.form.values);
  }

  /** Give every place that gradio has drawn its editor, and show the mask's controls where there is a mask. */
  look() {
    for (const host of this.place.querySelectorAll(".editor-place:empty")) this.open(host);
    this.batch.place();
    byId("inpaint_controls").classList.toggle("unused", !(HAS_MASK.has(this.kind) || this.batch.masked));
  }

  open(host) {
    const wanted = host.dataset.kind;
    const old = this.modes.get(wanted);
    if (old) return host.replaceChildren(...old.hosts); // gradio drew the tab anew: the drawing moves in
    const kinds = wanted === "upload" ? ["image", "image"] : [wanted];
    const hosts = kinds.map(() => h("div"));
    const titled = [h("p.hint", {}, t("Picture")), hosts[0], h("p.hint", {}, t("Mask: white is painted"))];
    host.replaceChildren(...(wanted === "upload" ? titled : []), hosts.at(-1));
    const editors = hosts.map(
      (each, i) =>
        new Editor(each, {
          // the second holds a mask
          kind: kinds[i],
          key: `img2img.${wanted}.${i}`,
          onPicture: i ? undefined : (picture) => this.suit(picture),
          onChange: () => each.dispatchEvent(new Event("picture")),
        }),
    );
    hosts.forEach((each, i) => { each.editor = editors[i]; });      // for scripts of extensions
    const row = copyRow(wanted, editors[0], (file, to) => this.receive(file, to, true));
    if (row) host.append(row);
    this.modes.set(wanted, { hosts: [...host.children], editors });
  }

  get kind() {
    return [...this.place.querySelectorAll(".editor-place")].find((host) => host.offsetParent)?.dataset.kind ?? "image";
  }

  get current() {
    return this.modes.get(this.kind);
  }

  /** A picture has come: width and height take its proportions, at as many pixels as the model likes. */
  suit(picture) {
    if (this.sizesCome) return;
    const size = likeModel(picture, this.form.usual("width") * this.form.usual("height"), sides());
    this.suited = { picture, size };
    this.form.fill(size);
  }

  /** Another model was chosen: a size that nobody changed since is worked out anew. */
  followed() {
    const { suited } = this;
    const same = suited && ["width", "height"].every((name) => Number(this.form.get(name)) === suited.size[name]);
    if (same && !this.sizesCome) this.suit(suited.picture);
  }

  /** Width and height of the picture in the editor; null without one. */
  pictureSize() {
    const { hasImage, width, height } = this.current.editors[0].state;
    return hasImage ? [width, height] : null;
  }

  detectSize() {
    const { width, height } = this.current.editors[0].state;
    if (!width) return notice("size", t("There is no picture yet."));
    const size = capped({ width, height }, sides());
    this.form.fill(size);
    if (Math.max(width, height) <= sides().largest) return null;
    const words = "The picture has {width} × {height}; the largest size of its shape here is {w} × {h}.";
    return notice("size", t(words, { width, height, w: size.width, h: size.height }));
  }

  /** Pictures dropped on the page; `sized` as of `receive`. */
  take([file], sized = false) { return this.receive(file, this.kind, sized); }

  /** Put a picture, and a mask where the kind has a place for one, into the editors of a kind and show that tab.
   * sized: the form has its size already.
   */
  async receive(file, wanted = "image", sized = false, mask = null) {
    const tab = [...this.place.querySelectorAll("[role=tab]")][ORDER.indexOf(wanted)];
    tab?.click();
    for (let i = 0; i < 100 && !this.modes.has(wanted); i++) await pause(30);
    this.look();
    this.sizesCome = sized;
    try {
      const [first, second] = this.modes.get(wanted)?.editors ?? [];
      if (mask) await second?.load(mask);
      return await first?.load(file);
    } finally {
      this.sizesCome = false;
    }
  }

  /** Send the pictures; the form then names them. Throws Refused or Lost. */
  async prepare() {
    if (this.batch.active) return this.batch.prepare();
    const [editor] = this.current.editors;
    await editor.ready;
    if (!editor.state.hasImage)
      throw {
        reply: {
          error: "invalid",
          message: t("There is no picture to start from."),
          hint: t("Drop one into the editor first."),
        },
      };
    if (this.kind === "mask" && !editor.state.hasMask && !isExtended(editor.state))
      notice("mask", t("Nothing is marked: the whole picture is painted anew."));
    const { image, mask, size } = await this.drawn(editor);
    const [name, maskName] = await Promise.all([server.keep(image), mask ? server.keep(mask) : { name: "" }]);
    return this.form.fill({ init_images: [name.name], mask: maskName.name, batch_source: "", batch_sent: [], ...size });
  }

  /** What the editor has, as `receive` takes it back; null without a picture. */
  async drawing() {
    const { kind } = this, [editor, second] = this.current.editors;
    if (!editor.state.hasImage) return null;
    const mask = HAS_MASK.has(kind) ? await (second ? second.image() : editor.mask()) : null;
    return { image: await editor.image(), mask, kind: mask ? "upload" : kind };
  }

  /** The picture and the mask as files, and the size that a border gives them. */
  async drawn(editor) {
    const [, second] = this.current.editors,
      { border, width, height } = editor.state;
    const wide = isExtended(editor.state);
    const mask = HAS_MASK.has(this.kind) ? await (second ? second.image() : editor.mask()) : null;
    const image = await editor.image({ asIs: !wide, share: wide || mask ? 1 : share(editor.state, this.form.values) });
    if (!wide) return { image, mask, size: {} };
    const [larger, cover] = await outpainted(image, mask, border);
    const size = capped(
      { width: width + border.left + border.right, height: height + border.top + border.bottom },
      sides(),
    );
    return { image: larger, mask: cover, size };
  }
}

const isExtended = ({ border }) => Boolean(border) && Object.values(border).some(Boolean);

/** Either width and height are told, or the scale. */
function showSizes({ resize_by }) {
  byId("img2img_settings").classList.toggle("scales-by", String(resize_by) === "true");
}

/** The ends of the sliders. */
function sides() {
  const { min, max } = byId("img2img_width").querySelector("input[type=range]");
  return { smallest: Number(min), largest: Number(max) };
}

/**
 * How much of its sides a picture needs to be sent with. All, where its own pixels count: under a mask, with a script,
 * or scaled by a factor.
 */
function share(picture, { width, height, script_name, resize_by }) {
  if (script_name || String(resize_by) === "true") return 1;
  const needed = SPARE * Math.max(Number(width) / picture.width, Number(height) / picture.height);
  return needed > 0 && needed < WORTH ? needed : 1;
}

const ORDER = ["image", "sketch", "mask", "mask-sketch", "upload"];

/** The picture on a larger canvas, its edges drawn outwards, and a mask of what is new. */
async function outpainted(image, mask, { left, top, right, bottom }) {
  const picture = await createImageBitmap(image);
  const { width, height } = picture;
  const size = [width + left + right, height + top + bottom];
  const canvas = new OffscreenCanvas(...size);
  const paint = canvas.getContext("2d");
  for (const [x, w, into, wide] of [[0, 1, 0, left], [0, width, left, width], [width - 1, 1, left + width, right]]) {
    for (const [y, tall, down, high] of [
      [0, 1, 0, top],
      [0, height, top, height],
      [height - 1, 1, top + height, bottom],
    ]) {
      if (wide && high) paint.drawImage(picture, x, y, w, tall, into, down, wide, high);
    }
  }
  const cover = new OffscreenCanvas(...size);
  const black = cover.getContext("2d");
  black.fillStyle = "white";
  black.fillRect(0, 0, ...size);
  black.fillStyle = "black";
  const inner = [left && OVERLAP, top && OVERLAP, right && OVERLAP, bottom && OVERLAP];
  black.fillRect(left + inner[0], top + inner[1], width - inner[0] - inner[2], height - inner[1] - inner[3]);
  if (mask) {
    black.globalCompositeOperation = "lighten";
    black.drawImage(await createImageBitmap(mask), left, top);
  }
  return Promise.all([canvas.convertToBlob(), cover.convertToBlob()]);
}
