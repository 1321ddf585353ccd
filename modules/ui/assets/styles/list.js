// The styles there are: searched, of one category, chosen with a click.
import { h, iconButton, t } from "../core/dom.js";
import { book } from "./book.js";

const SNIPPET = 140;      // characters of a style's texts that are shown

export class StyleList {
  /** told: { chosen(names), edit(style) } */
  constructor(told) {
    Object.assign(this, { told, styles: [], chosen: [] });
    this.search = h("input.networks-search", {
      type: "search", placeholder: t("Search"), "aria-label": t("Search the styles"), oninput: () => this.draw(),
    });
    this.category = h("select.networks-select", { "aria-label": t("Category"), onchange: () => this.draw() });
    this.rows = h("ul.style-rows", { "aria-label": t("Styles") });
    this.count = h("p.hint", { role: "status" });
    this.element = h("section.style-list", {},
      h("div.style-bar", {}, this.search, this.category), this.rows, this.count);
  }

  show(styles, chosen) {
    Object.assign(this, { styles, chosen });
    const names = [...new Set(styles.map(({ category }) => category))].filter(Boolean).sort();
    const now = names.includes(this.category.value) ? this.category.value : "";
    this.category.replaceChildren(...["", ...names].map((value) =>
      h("option", { value }, value || t("All categories"))));
    this.category.value = now;
    this.category.hidden = !names.length;
    this.draw();
  }

  get shown() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean), { value } = this.category;
    const text = ({ name, prompt, negative_prompt, category }) =>
      `${name} ${category} ${prompt} ${negative_prompt}`.toLowerCase();
    return this.styles.filter((style) =>
      (!value || style.category === value) && words.every((word) => text(style).includes(word)));
  }

  draw() {
    const found = this.shown;
    this.rows.replaceChildren(...found.map((style) => this.row(style)));
    this.count.textContent = this.styles.length
      ? t("{n} of {all} styles, {chosen} chosen",
        { n: found.length, all: this.styles.length, chosen: this.chosen.length })
      : t("There are no styles yet. Write one, or import a file.");
  }

  row(style) {
    const place = this.chosen.indexOf(style.name), url = book.picture(style);
    const picture = url ? h("img", { src: url, alt: "", loading: "lazy" }) : h("span.style-blank", {}, style.name[0]);
    const toggle = h("button.style-choice", {
      type: "button", "aria-pressed": String(place >= 0), title: [style.prompt, style.negative_prompt].join("\n−\n"),
      onclick: () => this.toggle(style.name),
    }, picture, h("span.style-text", {}, h("b", {}, style.name), h("small", {}, snippet(style))),
    h("span.style-place", {}, place >= 0 ? String(place + 1) : ""));
    return h("li", {}, toggle, iconButton("pencil", t("Edit {name}", style), () => this.told.edit(style)));
  }

  /** They are applied in the order in which they are chosen. */
  toggle(name) {
    const at = this.shown.findIndex((style) => style.name === name);
    this.chosen = this.chosen.includes(name) ? this.chosen.filter((each) => each !== name) : [...this.chosen, name];
    this.draw();
    this.rows.children[at]?.querySelector(".style-choice").focus();
    this.told.chosen(this.chosen);
  }
}

function snippet({ prompt, negative_prompt: negative }) {
  const text = [prompt, negative && `− ${negative}`].filter(Boolean).join(" ");
  return text.length > SNIPPET ? `${text.slice(0, SNIPPET)}…` : text;
}
