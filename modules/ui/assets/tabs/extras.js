// The pictures of the Extras tab: one or several, chosen, dropped, pasted or sent from another tab.
import { byId, h, iconButton, t, visible } from "../core/dom.js";
import { server } from "../core/server.js";

const BY = 0;      // resize_mode
const FOLDER = "extras_batch_directory_tab";

export const startExtras = (tab) => new ExtrasPictures(tab);

/** The field for pictures, and what the tab sends of them. */
class ExtrasPictures {
  constructor(tab) {
    Object.assign(this, { tab, files: [] });      // { file, url }
    this.chooser = h("input", { type: "file", accept: "image/*", multiple: true, onchange: () => { this.take([...this.chooser.files]); this.chooser.value = ""; } });
    this.zone = h("label.drop-zone", {}, this.chooser);
    this.list = h("div.extras-files");
    this.root = h("div.extras-pictures", {}, this.zone, this.list);
    Object.assign(tab, { take: (given) => this.take(given), prepare: () => this.prepare(), sends: () => this.sends() });
    new MutationObserver(() => this.place()).observe(byId("mode_extras"), { childList: true, subtree: true });
    this.place();
    tab.form.onChange(showSizes);
    showSizes(tab.form.values);
    this.draw();
  }

  /** These pictures instead of those that were there. */
  take(given) {
    if (!given.length) return;
    if (visible(FOLDER)) byId("extras_single_tab-button").click();
    for (const { url } of this.files) URL.revokeObjectURL(url);
    this.files = given.map((file) => ({ file, url: URL.createObjectURL(file) }));
    this.draw();
  }

  remove(entry) {
    URL.revokeObjectURL(entry.url);
    this.files = this.files.filter((other) => other !== entry);
    this.draw();
  }

  /** A single picture is shown in the field, several in a row below it. */
  draw() {
    const { files } = this, [only] = files.length === 1 ? files : [];
    const words = files.length ? t("{n} pictures", { n: files.length }) : t("Drop pictures here, paste one, or click to choose");
    const shown = only ? h("img", { src: only.url, alt: only.file.name, onload: ({ target }) => this.sized(target) }) : h("span", {}, words);
    this.zone.replaceChildren(shown, this.chooser);
    this.list.replaceChildren(...files.map((entry) => this.entry(entry, !only)));
    this.root.classList.toggle("has-one", Boolean(only));
    if (!only) this.tab.size = null;
  }

  entry(entry, pictured) {
    const remove = iconButton("close", t("Remove {name}", { name: entry.file.name }), () => this.remove(entry));
    return h("div.extras-file", {}, pictured ? h("img", { src: entry.url, alt: entry.file.name }) : null, remove);
  }

  /** The place of the result takes the picture's proportions. */
  sized({ naturalWidth, naturalHeight }) {
    this.tab.size = { width: naturalWidth, height: naturalHeight };
    this.tab.results.draw();
  }

  sends() { return this.files.length > 1 ? t("Sending the pictures…") : t("Sending the picture…"); }

  /** Send the pictures; the form then names them. Throws Refused or Lost. */
  async prepare() {
    const { form } = this.tab;
    if (visible(FOLDER)) return form.fill({ images: [], infotexts: [], batch_source: "folder" });
    if (!this.files.length) throw { reply: { error: "invalid", message: t("There is no picture to enlarge."), hint: t("Drop one into the field first.") } };
    const images = [], infotexts = [];
    for (const { file } of this.files) {      // one by one: many large files at once would fill the memory
      const { name, infotext } = await server.keep(file);
      images.push(name);
      infotexts.push(infotext);
    }
    return form.fill({ images, infotexts, batch_source: "" });
  }

  /** Gradio may have drawn the tab anew: what was chosen moves in. */
  place() {
    const host = byId("extras_image");
    if (host && this.root.parentElement !== host) host.replaceChildren(this.root);
  }
}

/** Only the numbers of the chosen way to say how large. */
function showSizes({ resize_mode }) {
  byId("extras_settings").classList.toggle("scales-to", Number(resize_mode) !== BY);
}
