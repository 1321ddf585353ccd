// A plan of another tool, pasted or opened: translated by the server, shown, and taken into the form.
import { textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { reasonOf } from "../core/server.js";
import { trainer } from "./trainer.js";

const OWN = /^default of /;

export class ForeignPlan {
  constructor(draft) {
    this.draft = draft;
    this.text = h("textarea", { rows: 5, spellcheck: false, id: "training_config", "aria-label": t("A plan's text"),
      placeholder: t("Paste a file of kohya_ss, sd-scripts, HCP-Diffusion, OneTrainer, A1111, or a command line.") });
    const chooser = h("input", { type: "file", multiple: true, accept: ".toml,.json,.yaml,.yml,.txt,.sh,.bat,.ps1,.cmd",
      onchange: async () => { await this.read([...chooser.files]); chooser.value = ""; } });
    const open = h("label.card-button.training-open", {}, t("Open files…"), chooser);
    this.told = h("div.training-translation", { role: "status" });
    this.root = h("details.training-foreign", {}, h("summary", {}, t("From another tool")), this.text,
      h("div.training-bar", {}, textButton(t("Translate"), () => this.translate([{ text: this.text.value }])), open),
      this.told);
  }

  async read(files) {
    const texts = await Promise.all(files.map(async (file) => ({ name: file.name, text: await file.text() })));
    this.text.value = texts[0]?.text ?? "";
    await this.translate(texts);
  }

  async translate(configs) {
    try {
      this.show(await trainer.plan({}, configs));
    } catch (error) {
      this.told.replaceChildren(h("p.wrong", {}, reasonOf(error)));
    }
  }

  show({ values, where, unknown, ignored, refused, dataset_file: more }) {
    const own = Object.keys(values).filter((name) => !OWN.test(where[name]));
    const rows = own.map((name) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, shown(values[name])),
      h("td.hint", {}, where[name])));
    const list = (title, texts, kind = "") => (texts.length
      ? [h("h3", {}, title), h("ul", { className: kind }, texts.map((each) => h("li", {}, each)))] : []);
    const missing = more ? [t("It names the data set file {name}: open both together.", { name: more })] : [];
    this.told.replaceChildren(
      ...list(t("Not taken"), [...refused, ...unknown, ...missing], "wrong"),
      h("h3", {}, t("Taken: {n} values", { n: own.length })), h("table", {}, h("tbody", {}, rows)),
      ...list(t("Without effect here"), ignored),
      textButton(t("Use these values"), () => this.use(values, own), ".card-primary"));
  }

  use(values, own) {
    this.draft.replace(Object.fromEntries(own.map((name) => [name, values[name]])));
    this.root.open = false;
  }
}

const shown = (value) => {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
};
