// What is done to the captions of many pictures: of the chosen ones, else of all that are shown.
import { dangerousButton, textButton } from "../core/dialog.js";
import { debounced, h, t } from "../core/dom.js";

/** Each deed: its fields, and what it asks of the server. */
const DEEDS = {
  add: { title: "Add tags", fields: ["Tags, with commas between"], change: ([tags]) => ({ add: tagsOf(tags) }) },
  front: { title: "Add in front", fields: ["Tags, with commas between"],
    change: ([tags]) => ({ add: tagsOf(tags), at_front: true }) },
  remove: { title: "Remove tags", fields: ["Tags, with commas between"],
    change: ([tags]) => ({ remove: tagsOf(tags) }) },
  rename: { title: "Rename a tag", fields: ["Tag", "New name"],
    change: ([tag, name]) => ({ rename: { [tag.trim()]: name.trim() } }) },
  replace: { title: "Replace letters", fields: ["Letters", "In place of them"],
    change: ([find, replace]) => ({ find, replace }) },
};

const tagsOf = (text) => text.split(",").map((each) => each.trim()).filter(Boolean);

export class CaptionTools {
  constructor(pictures) {
    this.pictures = pictures;
    const search = debounced(() => pictures.search(this.search.value), 150);
    this.search = h("input", { type: "search", placeholder: t("Search captions"), "aria-label": t("Search captions"),
      oninput: search });
    this.deed = h("select", { "aria-label": t("What to do"), onchange: () => this.drawFields() },
      Object.entries(DEEDS).map(([name, { title }]) => h("option", { value: name }, t(title))));
    this.fields = h("span.training-inputs", {});
    this.apply = textButton(t("Apply"), () => this.act());
    this.undo = textButton(t("Undo"), () => pictures.undo());
    this.removal = dangerousButton(t("Delete pictures"), t("Delete them for good?"),
      () => pictures.remove(this.chosen()));
    this.count = h("span.hint", { role: "status" });
    this.root = h("div.training-bar.training-tools", {}, this.search, this.deed, this.fields, this.apply, this.undo,
      this.removal, this.count);
    this.drawFields();
  }

  chosen() { return this.pictures.cards.filter(({ chosen }) => chosen).map(({ name }) => name); }

  drawFields() {
    this.fields.replaceChildren(...DEEDS[this.deed.value].fields.map((name) =>
      h("input", { type: "text", placeholder: t(name), "aria-label": t(name), spellcheck: false,
        onkeydown: (event) => { if (event.key === "Enter") this.act(); } })));
  }

  async act() {
    const values = [...this.fields.children].map(({ value }) => value);
    if (!values[0].trim()) return this.fields.firstChild.focus();
    await this.pictures.change(DEEDS[this.deed.value].change(values));
  }

  draw() {
    const { cards, view, before } = this.pictures, chosen = this.chosen().length;
    this.root.hidden = !cards.length;
    for (const each of [this.deed, this.fields, this.apply]) each.hidden = !view?.editable;
    this.undo.hidden = !before;
    this.removal.hidden = !chosen || !view?.editable;
    this.count.textContent = chosen ? t("{n} chosen", { n: chosen }) : t("all that are shown");
  }
}
