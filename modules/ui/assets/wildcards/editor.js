// The files of wildcards: searched, read, written, renamed, deleted.
import { debounced, h, iconButton, t } from "../core/dom.js";
import { dangerousButton, textButton } from "../core/dialog.js";
import { reasonOf } from "../core/server.js";
import { wildcardFiles } from "./files.js";

const FOLDERS = { own: "Your own", shared: "For everybody" };
const HINTS = {
  txt: "One text a line; 2::text counts twice, # begins a comment.",
  yaml: "Names with lists of texts, nested as you like: wear: with warm: [coat] is __wear/warm__.",
  json: "Names with lists of texts, nested as you like.",
};

const kindOf = (path) => path.split(".").pop().replace("yml", "yaml");

export class WildcardFilesEditor {
  /** told: { insert(name) }: put a wildcard into the prompt */
  constructor(told) {
    Object.assign(this, { told, file: null, saved: "" });
    const look = debounced(() => this.list(), 150);
    this.search = h("input.networks-search", {
      type: "search", placeholder: t("Search"), "aria-label": t("Search the files"), oninput: look,
    });
    this.rows = h("ul.wildcard-rows", { "aria-label": t("Files of wildcards") });
    this.count = h("p.hint", { role: "status" });
    this.path = h("input", { type: "text", maxLength: 200, spellcheck: false, "aria-label": t("Name of the file") });
    this.text = h("textarea", { spellcheck: false, "aria-label": t("Text of the file") });
    this.hint = h("p.hint");
    this.names = h("div.wildcard-names");
    this.trouble = h("p.card-trouble", { role: "alert" });
    this.tools = h("div.style-tools");
    this.page = h("form.wildcard-file", { hidden: true, onsubmit: (event) => { event.preventDefault(); this.save(); } },
      h("header", {}, this.path, iconButton("close", t("Close the file"), () => this.leave())),
      this.text, this.hint, this.names, this.trouble, this.tools);
    this.element = h("section.wildcard-editor", {}, h("div.wildcard-list", {},
      h("div.style-bar", {}, this.search, textButton(t("New file"), () => this.fresh())), this.rows, this.count),
    this.page);
  }

  async list() {
    try {
      this.draw(await wildcardFiles.list(this.search.value));
    } catch (error) {
      this.count.textContent = reasonOf(error);
    }
  }

  draw({ files, more }) {
    this.rows.replaceChildren(...files.map((file) => h("li", {}, h("button", {
      type: "button", "aria-current": String(file.path === this.file?.path && file.folder === this.file?.folder),
      onclick: () => this.open(file),
    }, h("b", {}, file.path), h("small", {}, t(FOLDERS[file.folder] ?? file.folder))))));
    const none = this.search.value ? t("Nothing matches.") : t("There are no files yet. Begin with a new one.");
    this.count.textContent = more ? t("These are the first {n}; search for others.", { n: files.length })
      : files.length ? "" : none;
  }

  get changed() { return !this.page.hidden && this.text.value !== this.saved; }

  /** Whether another file may be shown; what is not saved stays until it is saved or dropped. */
  free() {
    if (this.changed) this.trouble.textContent = t("There are changes: save them, or close the file to drop them.");
    return !this.changed;
  }

  fresh() {
    if (this.free()) this.show({ folder: "own", path: "", names: [], editable: true }, { text: "", revision: "" });
  }

  async open(file) {
    if (!this.free()) return;
    await this.attempt(async () => this.show(file, await wildcardFiles.read(file)));
  }

  show(file, { text, revision }) {
    Object.assign(this, { file: { ...file, revision }, saved: text });
    this.element.classList.add("editing");
    this.page.hidden = false;
    this.trouble.textContent = "";
    this.path.value = file.path || "new.txt";
    this.text.value = text;
    this.text.readOnly = this.path.readOnly = !file.editable;
    this.hint.textContent = file.editable ? t(HINTS[kindOf(this.path.value)] ?? "")
      : t("This file is for everybody on this server. One of your own with the same name counts before it.");
    this.drawNames(file.names);
    this.tools.replaceChildren(...this.buttons(file));
    if (!file.path) this.path.select();
    this.list();
  }

  drawNames(names) {
    this.names.replaceChildren(...names.map((name) => h("button.card-tag", {
      type: "button", title: t("Put it into the prompt"), onclick: () => this.told.insert(name),
    }, `__${name}__`)));
  }

  buttons({ path, editable }) {
    const save = h("button.card-button.card-primary", { type: "submit" }, t("Save"));
    if (!editable) return [textButton(t("Copy to my own"), () => this.copy())];
    return path ? [save, dangerousButton(t("Delete"), t("Really delete?"), () => this.remove())] : [save];
  }

  /** A file of one's own with the same name. */
  copy() {
    const { path, names } = this.file;
    this.show({ folder: "own", path, names, editable: true }, { text: this.text.value, revision: "" });
    this.saved = "";
  }

  /** The file under the name that stands there, which may be another than it had. */
  save() {
    const { folder, path, revision } = this.file, to = this.path.value.trim(), text = this.text.value;
    return this.attempt(async () => {
      if (path && revision && to !== path) await wildcardFiles.rename(this.file, to);
      if (path && revision) this.file.path = to;
      const renamed = path && to !== path;
      const now = renamed && revision ? (await wildcardFiles.read({ folder, path: to })).revision : revision;
      const saved = await wildcardFiles.write({ folder, path: to, text, revision: now });
      const { files } = await wildcardFiles.list(to);
      const names = files.find((file) => file.folder === folder && file.path === to)?.names ?? [];
      this.show({ folder, path: to, names, editable: true }, { text, ...saved });
    });
  }

  remove() {
    return this.attempt(async () => { await wildcardFiles.remove(this.file); this.leave(); });
  }

  leave() {
    this.page.hidden = true;
    this.file = null;
    this.element.classList.remove("editing");
    this.list();
  }

  async attempt(deed) {
    this.trouble.textContent = "";
    try {
      await deed();
    } catch (error) {
      (this.page.hidden ? this.count : this.trouble).textContent = reasonOf(error);
    }
  }
}
