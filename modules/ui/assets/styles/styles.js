// The styles of a tab in a dialog: chosen, saved and changed.
import { offerAnew } from "../core/choices.js";
import { dialogOf, opened, textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { reasonOf } from "../core/server.js";
import { book } from "./book.js";
import { StyleForm } from "./form.js";
import { StyleList } from "./list.js";
import { writeStyles } from "./write.js";

export class StylesDialog {
  /** form: the tab's; newest(): the picture that it shows, as the server takes it */
  constructor({ form, newest }) {
    Object.assign(this, { form, data: { styles: [], files: [], problems: [] } });
    this.list = new StyleList({
      chosen: (styles) => form.fill({ styles }), edit: (style) => this.edit(style),
      place: (style, other) => this.place(style, other),
    });
    this.one = new StyleForm({
      save: (style) => this.save(style), remove: (name) => this.remove(name), move: (name, by) => this.move(name, by),
      picture: (name) => this.attempt(() => book.usePicture(name, newest()), name), newest,
      close: () => this.edit(undefined), prompts: () => promptsOf(form.values),
    });
    this.chooser = h("input", { type: "file", accept: ".csv,.json", hidden: true, onchange: () => this.add() });
    this.trouble = h("p.card-trouble", { role: "status" });
    this.body = h("div.style-body", {}, this.list.element, this.one.element);
    this.element = dialogOf({
      title: t("Styles"), kind: "styles-dialog", body: this.body, holds: () => this.unsaved(),
      foot: [
        textButton(t("New style"), () => this.begin()), textButton(t("Import…"), () => this.chooser.click()),
        this.chooser, this.trouble,
        textButton(t("Write into the prompts"), () => this.write()),
        textButton(t("Done"), () => { if (!this.unsaved()) this.element.close(); }, ".card-primary"),
      ],
    });
  }

  async open() {
    this.edit(undefined);
    const closed = opened(this.element);
    this.listed = this.attempt(() => book.list());
    await closed;
  }

  /** A new style; its file is one of those that the list names. */
  async begin() {
    await this.listed;
    this.edit(null);
  }

  /** style: null for a new one, undefined for none */
  edit(style) {
    this.body.classList.toggle("editing", style !== undefined);
    this.one.element.hidden = style === undefined;
    if (style !== undefined) this.one.open(style, this.data);
  }

  unsaved() {
    const holds = !this.one.element.hidden && this.one.changed;
    if (holds) this.one.complain(t("There are changes: save them, or close the form to drop them."));
    return holds;
  }

  async write() {
    await writeStyles(this.form);
    this.list.show(this.data.styles, this.form.get("styles") ?? []);
  }

  save(style) {
    return this.attempt(() => book.save(style), style.name.trim(), style.was);
  }

  async remove(name) {
    if (await this.attempt(() => book.remove([name]))) this.edit(undefined);
  }

  /** Before or behind its neighbour in the same file. */
  move(name, by) {
    const style = this.data.styles.find((each) => each.name === name), beside = this.beside(style);
    const other = beside[beside.indexOf(style) + by];
    if (other) return this.place(style, other);
  }

  /** Where another of the same file stands; those between move up. */
  place(style, other) {
    const beside = this.beside(style).map(({ name }) => name);
    const from = beside.indexOf(style.name), to = beside.indexOf(other.name);
    const between = beside.slice(Math.min(from, to), Math.max(from, to) + 1).filter((name) => name !== style.name);
    const names = to < from ? [style.name, ...between] : [...between, style.name];
    const open = this.one.element.hidden || this.one.changed ? "" : this.one.style.name;
    return this.attempt(() => book.order(names), open);
  }

  beside({ file }) { return this.data.styles.filter((each) => each.file === file); }

  async add() {
    const [file] = this.chooser.files;
    this.chooser.value = "";
    if (!file) return;
    const found = await this.attempt(() => book.add(file));
    if (!found) return;
    const { added, known } = found;
    this.trouble.classList.add("told");
    this.trouble.textContent = known.length
      ? t("{n} added, {known} were here already.", { n: added.length, known: known.length })
      : t("{n} added.", { n: added.length });
  }

  /** Do it and show what there is then; the style called `name` stays open. Resolves with the answer, or null. */
  async attempt(deed, name = "", was = "") {
    const { one } = this;
    this.trouble.textContent = "";
    this.trouble.classList.remove("told");
    one.complain("");
    try {
      const found = await deed();
      this.take(found, name, was);
      return found;
    } catch (error) {
      (one.element.hidden ? this.trouble : one.trouble).textContent = reasonOf(error);
      return null;
    }
  }

  take(found, name, was) {
    const changed = JSON.stringify(found.styles.map((style) => style.name)) !==
      JSON.stringify(this.data.styles.map((style) => style.name));
    this.data = found;
    const here = new Set(found.styles.map((style) => style.name));
    const before = this.form.get("styles") ?? [];
    const chosen = before.map((each) => (each === was ? name : each)).filter((each) => here.has(each));
    if (JSON.stringify(chosen) !== JSON.stringify(before)) this.form.fill({ styles: chosen });
    this.list.show(found.styles, chosen);
    if (found.problems.length) this.trouble.textContent = found.problems.join(" ");
    const open = found.styles.find((style) => style.name === name);
    if (open) this.edit(open);
    if (changed) offerAnew();
  }
}

const promptsOf = ({ prompt, negative_prompt }) => ({ prompt, negative_prompt });
