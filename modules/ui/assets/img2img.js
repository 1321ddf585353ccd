// The pictures of the img2img tab: an editor for each way to use one, and what is sent of them.
import { startBatch } from "./batch.js";
import { byId, h, t } from "./dom.js";
import { easelEditor } from "./editor.js";
import { notice } from "./notices.js";
import { server } from "./server.js";

const HAS_MASK = new Set(["mask", "mask-sketch", "upload"]);
const OVERLAP = 8;      // pixels of the picture that an outpainted border is blended into

export function startImages(panel) {
  const modes = new Map();      // kind → its editors
  const place = byId("mode_img2img");
  const batch = startBatch(panel);

  /** Give every place that gradio has drawn its editor, and show the mask's controls where there is a mask. */
  function look() {
    for (const host of place.querySelectorAll(".editor-place:empty")) open(host);
    batch.place();
    byId("inpaint_controls").classList.toggle("unused", !(HAS_MASK.has(kind()) || batch.masks()));
  }

  function open(host) {
    const wanted = host.dataset.kind;
    const old = modes.get(wanted);
    if (old) return host.replaceChildren(...old.hosts);      // gradio drew the tab anew: the drawing moves in
    const kinds = wanted === "upload" ? ["image", "image"] : [wanted];
    const hosts = kinds.map(() => h("div"));
    host.replaceChildren(...(wanted === "upload" ? [h("p.hint", {}, t("Picture")), hosts[0], h("p.hint", {}, t("Mask: white is painted"))] : []), hosts.at(-1));
    const editors = hosts.map((each, i) => easelEditor(each, { kind: kinds[i], key: `img2img.${wanted}.${i}`, onChange: () => {} }));
    modes.set(wanted, { hosts: [...host.children], editors });
  }

  const kind = () => [...place.querySelectorAll(".editor-place")].find((host) => host.offsetParent)?.dataset.kind ?? "image";
  const current = () => modes.get(kind());

  new MutationObserver(look).observe(place, { childList: true, subtree: true, attributes: true, attributeFilter: ["style", "class"] });
  panel.form.onChange(look);
  panel.form.onChange(sized);
  look();
  sized(panel.form.values);

  /** Either width and height are told, or the scale. */
  function sized({ resize_by }) {
    byId("img2img_settings").classList.toggle("scales-by", String(resize_by) === "true");
  }

  panel.detectSize = () => {
    const { width, height } = current().editors[0].state;
    if (width) panel.form.fill({ width: near8(width), height: near8(height) });
    else notice("size", t("There is no picture yet."));
  };

  /** Put a picture into the editor of a kind and show that tab. */
  panel.receive = async (file, wanted = "image") => {
    const tab = [...place.querySelectorAll("[role=tab]")][ORDER.indexOf(wanted)];
    tab?.click();
    for (let i = 0; i < 100 && !modes.has(wanted); i++) await new Promise((done) => { setTimeout(done, 30); });
    look();
    return modes.get(wanted)?.editors[0].load(file);
  };

  /** Send the pictures; the form then names them. Throws Refused or Lost. */
  panel.prepare = async () => {
    if (batch.active()) return batch.prepare();
    const [editor, second] = current().editors;
    let [image, mask] = [await editor.image(), HAS_MASK.has(kind()) ? await (second ? second.image() : editor.mask()) : null];
    if (!image) throw { reply: { error: "invalid", message: t("There is no picture to start from."), hint: t("Drop one into the editor first.") } };
    const { border } = editor.state;
    const wide = border && Object.values(border).some(Boolean);
    if (wide) [image, mask] = await outpainted(image, mask, border);
    const [name, maskName] = await Promise.all([server.keep(image), mask ? server.keep(mask) : { name: "" }]);
    const size = wide ? { width: near8(editor.state.width + border.left + border.right), height: near8(editor.state.height + border.top + border.bottom) } : {};
    return panel.form.fill({ init_images: [name.name], mask: maskName.name, batch_source: "", batch_sent: [], ...size });
  };
}

const ORDER = ["image", "sketch", "mask", "mask-sketch", "upload"];
const near8 = (length) => Math.max(64, Math.round(length / 8) * 8);

/** The picture on a larger canvas, its edges drawn outwards, and a mask of what is new. */
async function outpainted(image, mask, { left, top, right, bottom }) {
  const picture = await createImageBitmap(image);
  const { width, height } = picture;
  const size = [width + left + right, height + top + bottom];
  const canvas = new OffscreenCanvas(...size);
  const paint = canvas.getContext("2d");
  for (const [x, w, into, wide] of [[0, 1, 0, left], [0, width, left, width], [width - 1, 1, left + width, right]]) {
    for (const [y, tall, down, high] of [[0, 1, 0, top], [0, height, top, height], [height - 1, 1, top + height, bottom]]) {
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
