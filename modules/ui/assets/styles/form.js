// One style as it may be changed.
import { h, iconButton, t } from "../core/dom.js";
import { dangerousButton, textButton } from "../core/dialog.js";
import { book } from "./book.js";

const LABELS = { name: "Name", category: "Category", prompt: "Prompt", negative_prompt: "Negative prompt" };
const NEW = { name: "", category: "", prompt: "", negative_prompt: "", file: "", preview: "", editable: true };

export class StyleForm {
  /** told: { save(style), remove(name), move(name, by), picture(name), close(), prompts(), newest() } */
  constructor(told) {
    Object.assign(this, { told, style: NEW });
    const line = (name) => h("input", { type: "text", maxLength: 200, spellcheck: false, "data-field": name });
    const area = (name, rows) => h("textarea", { rows, maxLength: 100_000, spellcheck: false, "data-field": name });
    this.known = h("datalist", { id: "style_categories" });
    this.inputs = {
      name: line("name"), category: line("category"), prompt: area("prompt", 5),
      negative_prompt: area("negative_prompt", 3),
    };
    this.inputs.category.setAttribute("list", this.known.id);
    this.file = h("select.networks-select", { "aria-label": t("File") });
    this.head = h("h3");
    this.note = h("p.hint");
    this.tools = h("div.style-tools");
    this.picture = h("div.style-picture");
    this.trouble = h("p.card-trouble", { role: "alert" });
    this.element = h("form.style-form", { onsubmit: (event) => { event.preventDefault(); this.save(); } },
      h("header", {}, this.head, iconButton("close", t("Close the form"), () => told.close())),
      this.picture, ...Object.entries(this.inputs).map(([name, input]) => field(t(LABELS[name]), input)),
      this.known, this.fileField = field(t("File"), this.file),
      h("p.hint", {}, t("{prompt} marks where your own prompt goes; without it the style follows after a comma.",
        { prompt: "{prompt}" })),
      this.note, this.trouble, this.tools);
  }

  /** style: null for a new one */
  open(style, { files, styles }) {
    this.style = style ?? NEW;
    for (const [name, input] of Object.entries(this.inputs)) input.value = this.style[name];
    const names = [...new Set(styles.map(({ category }) => category))].filter(Boolean).sort();
    this.known.replaceChildren(...names.map((value) => h("option", { value })));
    const offered = files.filter(({ editable, name }) => editable || name === this.style.file);
    this.file.replaceChildren(...offered.map(({ name }) => h("option", { value: name }, name)));
    this.file.value = this.style.file || files.find(({ own }) => own).name;
    this.fileField.hidden = offered.length < 2;
    this.head.textContent = style ? t("Edit {name}", style) : t("New style");
    this.note.textContent = this.style.editable ? "" :
      t("This style is for everybody on this server. Saved, it becomes one of your own that counts before it.");
    this.complain("");
    this.buttons(Boolean(style));
    this.drawPicture();
    if (!style) this.inputs.name.focus();
  }

  buttons(known) {
    const { name, editable } = this.style;
    const own = known && editable ? [
      iconButton("up", t("Further up"), () => this.told.move(name, -1)),
      iconButton("down", t("Further down"), () => this.told.move(name, 1)),
      dangerousButton(t("Delete"), t("Really delete?"), () => this.told.remove(name)),
    ] : [];
    this.tools.replaceChildren(
      h("button.card-button.card-primary", { type: "submit" }, t("Save")),
      ...(known ? [textButton(t("Save as a new one"), () => this.save(true))] : []),
      textButton(t("Take the prompts"), () => this.take()), ...own);
  }

  drawPicture() {
    const url = book.picture(this.style), ready = this.style.name && this.told.newest();
    const use = textButton(t("Use the shown picture"), () => this.told.picture(this.style.name));
    use.disabled = !ready;
    use.title = ready ? "" : t("Save the style, and make or choose a picture first.");
    this.picture.replaceChildren(...(url ? [h("img", { src: url, alt: t("Picture of the style") })] : []), use);
  }

  /** What stands in the prompt boxes. */
  take() {
    for (const [name, value] of Object.entries(this.told.prompts())) this.inputs[name].value = value;
  }

  save(asNew = false) {
    const values = Object.fromEntries(Object.entries(this.inputs).map(([name, input]) => [name, input.value]));
    const file = this.fileField.hidden ? "" : this.file.value;
    this.told.save({ ...values, file, was: asNew ? "" : this.style.name });
  }

  get changed() { return Object.entries(this.inputs).some(([name, input]) => input.value !== this.style[name]); }

  complain(text) { this.trouble.textContent = text; }
}

const field = (label, input) => h("label.card-field", {}, h("span", {}, label), input);
