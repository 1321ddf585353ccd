// img2img's Batch tab: many pictures, sent from here or taken from a folder of the server.
import { h, iconButton, t, visible } from "../core/dom.js";
import { notice, unnotice } from "../core/notices.js";
import { server } from "../core/server.js";

const SHOWN = 30;      // thumbnails; the rest are counted
const FOLDER = "img2img_batch_from_dir_tab";

export class BatchPictures {
  constructor(tab) {
    Object.assign(this, { form: tab.form, files: [] });      // { file, url, sent } where sent is what the server calls it, once it has it
    this.chooser = h("input", { type: "file", accept: "image/*", multiple: true, onchange: () => { this.add([...this.chooser.files]); this.chooser.value = ""; } });
    const zone = h("label.drop-zone", {}, h("span", {}, t("Drop pictures here, paste one, or click to choose")), this.chooser);
    this.list = h("div.extras-files");
    this.count = h("p.batch-count");
    this.root = h("div.batch-upload", {}, zone, this.count, this.list);
    const take = (given) => this.add(given);
    Object.defineProperty(tab, "take", { get: () => (visible("img2img_batch_upload_tab") ? take : undefined) });      // what is dropped on the page, or pasted
    this.draw();
  }

  get active() { return visible("img2img_batch_tab"); }

  /** Are there masks to use the controls of inpainting for? */
  get masked() { return visible(FOLDER) && Boolean(this.form.get("batch_inpaint_mask_dir")?.trim()); }

  /** Gradio may have drawn the tab anew: what was chosen moves in. */
  place() {
    const host = document.querySelector("#img2img_batch_upload .batch-place");
    if (host && this.root.parentElement !== host) host.replaceChildren(this.root);
  }

  add(given) {
    const pictures = given.filter(({ type }) => type.startsWith("image/"));
    this.files.push(...pictures.map((file) => ({ file, url: URL.createObjectURL(file), sent: null })));
    this.draw();
  }

  remove(gone) {
    for (const { url } of gone) URL.revokeObjectURL(url);
    this.files = this.files.filter((entry) => !gone.includes(entry));
    this.draw();
  }

  draw() {
    const { files } = this;
    const clear = h("button.link", { type: "button", onclick: () => this.remove(files) }, t("Remove all"));
    this.count.replaceChildren(...(files.length ? [t("{n} pictures", { n: files.length }), clear] : []));
    const more = files.length > SHOWN ? [h("p.hint", {}, t("and {n} more", { n: files.length - SHOWN }))] : [];
    this.list.replaceChildren(...files.slice(0, SHOWN).map((entry) => this.entry(entry)), ...more);
  }

  entry(entry) {
    const { name } = entry.file;
    const remove = iconButton("close", t("Remove {name}", { name }), () => this.remove([entry]));
    return h("div.extras-file", {}, h("img", { src: entry.url, alt: name, title: name }), remove);
  }

  /** Have the form name the pictures, after they have been sent. Throws Refused or Lost. */
  async prepare() {
    const images = { init_images: [], mask: "" };
    if (visible(FOLDER)) return this.form.fill({ ...images, batch_source: "folder", batch_sent: [] });
    if (!this.files.length) throw { reply: { error: "invalid", message: t("There is no picture to start from."), hint: t("Drop some into the field first.") } };
    await this.send();
    return this.form.fill({ ...images, batch_source: "upload", batch_sent: this.files.map((entry) => entry.sent) });
  }

  /** One by one: many large files at once would fill the memory. */
  async send() {
    try {
      for (const [place, entry] of this.files.entries()) {
        if (this.files.length > 3) notice("sending", t("Sending picture {n} of {total}", { n: place + 1, total: this.files.length }), 0);
        entry.sent ??= await sent(entry.file);
      }
    } finally {
      unnotice("sending");
    }
  }
}

async function sent(file) {
  const { name, infotext } = await server.keep(file);
  return { image: name, file: file.name, infotext };
}
