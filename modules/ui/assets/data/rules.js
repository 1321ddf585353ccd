// What is to be done with the data of several pictures, put together rule by rule.
import { facts, h, iconButton, t } from "../core/dom.js";
import { control, textBox } from "./control.js";
import { declaredFields } from "./declared.js";
import { describingForm } from "./describing.js";
import { DESCRIPTIVE } from "./edits.js";
import { StripChoice } from "./strip.js";

const NOTHING = { title: "", author: "", copyright: "", rating: 0, description: "", keywords: [] };
const WHERE = [["", "Everywhere"], ["prompt", "Prompt"], ["negative_prompt", "Negative prompt"]];

const button = (name, onclick) => h("button.card-button", { type: "button", onclick }, t(name));
const fold = (title, ...content) => h("details.data-fold", {}, h("summary", {}, t(title)), ...content);

export class Rules {
  /** changed(): the edit is another one */
  constructor(changed) {
    Object.assign(this, { changed, replaced: [], set: [], out: "", descriptive: { ...NOTHING } });
    this.strip = new StripChoice(changed);
    this.replacing = h("div");
    this.setting = h("div");
    const unset = textBox("", (text) => { this.out = text; changed(); },
      { placeholder: t("Keys with commas between: Version, Model hash"), "aria-label": t("Take out") });
    this.element = h("div.data-folds", {},
      fold("Find and replace", this.replacing, button("Another", () => this.addReplacing())),
      fold("Set fields", this.setting, this.fields()),
      fold("Take out keys", h("div.data-rule", {}, unset)),
      fold("Title, author, rating", describingForm(this.descriptive, changed)),
      fold("Take data away", this.strip.element));
    this.element.querySelector("details").open = true;
    this.addReplacing();
  }

  addReplacing() {
    const rule = { find: "", with: "", regex: false, in: "" };
    this.replaced.push(rule);
    const set = (name) => (value) => { rule[name] = value; this.changed(); };
    const where = h("select", { "aria-label": t("Where"), onchange: () => set("in")(WHERE[where.selectedIndex][0]) },
      WHERE.map(([, shown]) => h("option", {}, t(shown))));
    const pattern = h("input", { type: "checkbox", onchange: ({ target }) => set("regex")(target.checked) });
    const row = h("div.data-rule", {},
      textBox("", set("find"), { placeholder: t("Find"), "aria-label": t("Find") }),
      textBox("", set("with"), { placeholder: t("Replace with"), "aria-label": t("Replace with") }), where,
      h("label.data-check", {}, pattern, t("Regular expression")), this.removal(this.replaced, rule, () => row));
    this.replacing.append(row);
  }

  fields() {
    const declared = declaredFields("txt2img"), told = facts.data_fields.txt2img;
    const names = [...declared].filter(([name]) => told.includes(name));
    const list = h("select", { "aria-label": t("Add a field"), onchange: () => {
      this.addSetting(...names[list.selectedIndex - 1]);
      list.selectedIndex = 0;
    } }, h("option", {}, t("Add a field…")), names.map(([, { label }]) => h("option", {}, t(label))));
    return list;
  }

  addSetting(name, declared) {
    const first = { number: declared.minimum ?? 0, choice: declared.choices[0]?.[1] ?? "", check: true, text: "" };
    const rule = { name, value: first[declared.kind] };
    this.set.push(rule);
    const box = control(declared, rule.value, (value) => { rule.value = value; this.changed(); });
    const row = h("div.data-rule", {}, h("span", {}, t(declared.label)), box, this.removal(this.set, rule, () => row));
    this.setting.append(row);
    this.changed();
  }

  removal(rules, rule, row) {
    return iconButton("close", t("Remove"), () => {
      rules.splice(rules.indexOf(rule), 1);
      row().remove();
      this.changed();
    });
  }

  /** As the server takes it; {} if nothing is to be done. */
  get edit() {
    const edit = {}, strip = this.strip.chosen;
    const replace = this.replaced.filter(({ find }) => find).map(({ in: where, ...rule }) =>
      ({ ...rule, ...(where ? { in: [where] } : {}) }));
    const unset = this.out.split(",").map((key) => key.trim()).filter(Boolean);
    const told = DESCRIPTIVE.map(([name]) => [name, this.descriptive[name]])
      .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(NOTHING[name]));
    if (replace.length) edit.replace = replace;
    if (this.set.length) edit.fields = Object.fromEntries(this.set.map(({ name, value }) => [name, value]));
    if (unset.length) edit.unset = unset;
    if (told.length) edit.descriptive = Object.fromEntries(told);
    if (strip.length) edit.strip = strip;
    return edit;
  }
}
