// Pictures that somebody has chosen, dropped or pasted: shown, taken away again, and sent to the server.
import { h, iconButton, t } from "./dom.js";
import { notice, unnotice } from "./notices.js";
import { server } from "./server.js";

const SHOWN = 30;      // thumbnails; the rest are counted
const MANY = 3;        // from more on the page tells how far sending is

export class ChosenFiles {
  entries = [];      // { file, url, sent } where sent is what the server calls it, once it has it

  /** Its `root` is an element of that kind: a field, and what was chosen below it.
   *
   * onChosen: given files out of the field; onOne: told the image where there is one alone, else null
   */
  constructor(kind, { onChosen = (given) => this.add(given), onOne = null } = {}) {
    this.onOne = onOne;
    const onchange = () => { onChosen([...this.chooser.files]); this.chooser.value = ""; };
    this.chooser = h("input", { type: "file", accept: "image/*", multiple: true, onchange });
    this.zone = h("label.drop-zone");
    this.count = h("p.chosen-count");
    this.list = h("div.chosen-files");
    this.root = h(kind, {}, this.zone, this.count, this.list);
    this.draw();
  }

  get size() { return this.entries.length; }

  add(given) {
    const pictures = given.filter(({ type }) => type.startsWith("image/"));
    this.entries.push(...pictures.map((file) => ({ file, url: URL.createObjectURL(file), sent: null })));
    this.draw();
  }

  remove(gone) {
    for (const { url } of gone) URL.revokeObjectURL(url);
    this.entries = this.entries.filter((entry) => !gone.includes(entry));
    this.draw();
  }

  /** These instead of those that were there. */
  replace(given) {
    this.remove(this.entries);
    this.add(given);
  }

  /** Gradio may have drawn the tab anew: what was chosen moves in. */
  place(host) {
    if (host && this.root.parentElement !== host) host.replaceChildren(this.root);
  }

  /**
   * What the server calls each; sent one by one, since many large files at once would fill the memory. Throws Refused
   * or Lost.
   */
  async send() {
    try {
      for (const [place, entry] of this.entries.entries()) {
        if (this.size > MANY)
          notice("sending", t("Sending picture {n} of {total}", { n: place + 1, total: this.size }), 0);
        entry.sent ??= await sent(entry.file);
      }
    } finally {
      unnotice("sending");
    }
    return this.entries.map((entry) => entry.sent);
  }

  /** Where one alone is to be looked at, it stands in the field; others stand in a row below it. */
  draw() {
    const only = this.onOne && this.size === 1 ? this.entries[0] : null;
    const words = h("span", {}, t("Drop pictures here, paste one, or click to choose"));
    this.zone.replaceChildren(
      only ? h("img", { src: only.url, alt: only.file.name, onload: ({ target }) => this.onOne(target) }) : words,
      this.chooser,
    );
    const clear = h("button.link", { type: "button", onclick: () => this.remove(this.entries) }, t("Remove all"));
    this.count.replaceChildren(...(this.size && !only ? [t("{n} pictures", { n: this.size }), clear] : []));
    const more = this.size > SHOWN ? [h("p.hint", {}, t("and {n} more", { n: this.size - SHOWN }))] : [];
    this.list.replaceChildren(...this.entries.slice(0, SHOWN).map((entry) => this.thumbnail(entry, only)), ...more);
    this.root.classList.toggle("has-one", Boolean(only));
    if (!only) this.onOne?.(null);
  }

  thumbnail(entry, only) {
    const { name } = entry.file;
    const remove = iconButton("close", t("Remove {name}", { name }), () => this.remove([entry]));
    return h("div.chosen-file", {}, only ? null : h("img", { src: entry.url, alt: name, title: name }), remove);
  }
}

async function sent(file) {
  const { name, infotext } = await server.keep(file);
  return { image: name, file: file.name, infotext };
}
