// img2img's Batch tab: many pictures, sent from here or taken from a folder of the server.
import { h, iconButton, t, visible } from "../core/dom.js";
import { notice, unnotice } from "../core/notices.js";
import { server } from "../core/server.js";

const SHOWN = 30;      // thumbnails; the rest are counted
const FOLDER = "img2img_batch_from_dir_tab";

export function startBatch(panel) {
  const { form } = panel;
  const chooser = h("input", { type: "file", accept: "image/*", multiple: true, onchange: () => { add([...chooser.files]); chooser.value = ""; } });
  const zone = h("label.drop-zone", {}, h("span", {}, t("Drop pictures here, paste one, or click to choose")), chooser);
  const list = h("div.extras-files");
  const count = h("p.batch-count");
  const root = h("div.batch-upload", {}, zone, count, list);
  let files = [];      // { file, url, sent } where sent is what the server calls it, once it has it

  const batch = { active: () => visible("img2img_batch_tab"), masks, place, prepare };
  Object.defineProperty(panel, "take", { get: () => (visible("img2img_batch_upload_tab") ? add : undefined) });      // what is dropped on the page, or pasted

  /** Gradio may have drawn the tab anew: what was chosen moves in. */
  function place() {
    const host = document.querySelector("#img2img_batch_upload .batch-place");
    if (host && root.parentElement !== host) host.replaceChildren(root);
  }

  /** Are there masks to use the controls of inpainting for? */
  function masks() {
    return visible(FOLDER) && Boolean(form.get("batch_inpaint_mask_dir")?.trim());
  }

  function add(given) {
    files.push(...given.filter(({ type }) => type.startsWith("image/")).map((file) => ({ file, url: URL.createObjectURL(file), sent: null })));
    draw();
  }

  function remove(gone) {
    for (const { url } of gone) URL.revokeObjectURL(url);
    files = files.filter((entry) => !gone.includes(entry));
    draw();
  }

  function draw() {
    const clear = h("button.link", { type: "button", onclick: () => remove(files) }, t("Remove all"));
    count.replaceChildren(...(files.length ? [t("{n} pictures", { n: files.length }), clear] : []));
    const more = files.length > SHOWN ? [h("p.hint", {}, t("and {n} more", { n: files.length - SHOWN }))] : [];
    list.replaceChildren(...files.slice(0, SHOWN).map((entry) => h("div.extras-file", {},
      h("img", { src: entry.url, alt: entry.file.name, title: entry.file.name }),
      iconButton("close", t("Remove {name}", { name: entry.file.name }), () => remove([entry])))), ...more);
  }

  /** Have the form name the pictures, after they have been sent. Throws Refused or Lost. */
  async function prepare() {
    const images = { init_images: [], mask: "" };
    if (visible(FOLDER)) return form.fill({ ...images, batch_source: "folder", batch_sent: [] });
    if (!files.length) throw { reply: { error: "invalid", message: t("There is no picture to start from."), hint: t("Drop some into the field first.") } };
    try {
      for (const [place, entry] of files.entries()) {      // one by one: many large files at once would fill the memory
        if (files.length > 3) notice("sending", t("Sending picture {n} of {total}", { n: place + 1, total: files.length }), 0);
        entry.sent ??= await sent(entry.file);
      }
    } finally {
      unnotice("sending");
    }
    return form.fill({ ...images, batch_source: "upload", batch_sent: files.map((entry) => entry.sent) });
  }

  draw();
  return batch;
}

async function sent(file) {
  const { name, infotext } = await server.keep(file);
  return { image: name, file: file.name, infotext };
}
