// The styles there are: searched, of one category, chosen with a click.
import { h, iconButton, t } from "../core/dom.js";
import { book } from "./book.js";

const SNIPPET = 140;      // characters of a style's texts that are shown
const DRAGGED = "application/x-easel-style";
const STEPS = { ArrowUp: -1, ArrowDown: 1 };

export class StyleList {
  /** told: { chosen(names), edit(style), place(style, other): puts a style where another of its file stands } */
  constructor(told) {
    Object.assign(this, { told, styles: [], chosen: [] });
    this.search = h("input.networks-search", {
      type: "search", placeholder: t("Search"), "aria-label": t("Search the styles"), oninput: () => this.draw(),
    });
    this.category = h("select.networks-select", { "aria-label": t("Category"), onchange: () => this.draw() });
    this.rows = h("ul.style-rows", { "aria-label": t("Styles"), onkeydown: (event) => this.key(event) });
    this.count = h("p.hint", { role: "status" });
    this.element = h("section.style-list", {},
      h("div.style-bar", {}, this.search, this.category), this.rows, this.count,
      h("p.hint.style-moving", {}, t("Drag a style to another place, or press Alt+↑ and Alt+↓.")));
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
    const found = this.shown, focused = this.rowOf(document.activeElement)?.dataset.name;
    this.rows.replaceChildren(...found.map((style) => this.row(style)));
    if (focused !== undefined) this.choiceOf(focused)?.focus();
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
    const row = h("li", { draggable: style.editable }, toggle,
      iconButton("pencil", t("Edit {name}", style), () => this.told.edit(style)));
    row.dataset.name = style.name;
    if (style.editable) this.letDrag(row, style);
    return row;
  }

  rowOf(element) { return this.rows.contains(element) ? element.closest("li") : null; }

  choiceOf(name) {
    return [...this.rows.children].find((row) => row.dataset.name === name)?.querySelector(".style-choice");
  }

  /** Dropped on another of its file, a style takes that one's place. */
  letDrag(row, style) {
    const { file } = style;
    row.ondragstart = (event) => {
      event.dataTransfer.setData(DRAGGED, style.name);
      event.dataTransfer.effectAllowed = "move";
      this.dragged = style;
    };
    row.ondragend = () => { this.dragged = null; };
    row.ondragover = (event) => {
      if (!this.dragged || this.dragged === style || this.dragged.file !== file) return;
      event.preventDefault();
      row.classList.add("style-target");
    };
    row.ondragleave = () => row.classList.remove("style-target");
    row.ondrop = (event) => {
      row.classList.remove("style-target");
      if (!this.dragged) return;
      event.preventDefault();
      event.stopPropagation();
      this.told.place(this.dragged, style);
    };
  }

  /** Alt with ↑ or ↓ takes the place of the neighbour that is shown. */
  key(event) {
    const by = event.altKey && STEPS[event.key], name = this.rowOf(event.target)?.dataset.name;
    const style = by && this.styles.find((each) => each.name === name);
    if (!style?.editable) return;
    event.preventDefault();
    const beside = this.shown.filter(({ file }) => file === style.file);
    const other = beside[beside.indexOf(style) + by];
    if (other) this.told.place(style, other);
  }

  /** They are applied in the order in which they are chosen. */
  toggle(name) {
    this.chosen = this.chosen.includes(name) ? this.chosen.filter((each) => each !== name) : [...this.chosen, name];
    this.draw();
    this.choiceOf(name)?.focus();
    this.told.chosen(this.chosen);
  }
}

function snippet({ prompt, negative_prompt: negative }) {
  const text = [prompt, negative && `− ${negative}`].filter(Boolean).join(" ");
  return text.length > SNIPPET ? `${text.slice(0, SNIPPET)}…` : text;
}
