// Generation data as a form: the declared fields that the data name, settings, and keys that nothing here knows.
import { facts, h, iconButton, t } from "../core/dom.js";
import { control, textBox } from "./control.js";
import { declaredFields, undeclared } from "./declared.js";
import { changedParts } from "./edits.js";
import { MODEL, MODEL_HASH, modelBox } from "./models_here.js";

const PROMPTS = ["prompt", "negative_prompt"];      // always there to be written

export class DataForm {
  /** changed(): somebody has changed something */
  constructor(changed) {
    this.changed = changed;
    this.element = h("div.data-form");
  }

  /** parts: { tab, fields, settings, unknown } */
  show(parts) {
    this.shown = parts;
    this.parts = structuredClone(parts);
    this.draw();
  }

  draw() {
    const { parts } = this, declared = declaredFields(parts.tab);
    const prompts = PROMPTS.filter((name) => declared.has(name));
    const others = [...declared.keys()].filter((name) => name in parts.fields && !PROMPTS.includes(name));
    const strange = Object.keys(parts.fields).filter((name) => !declared.has(name));
    const known = (name) => declared.get(name) ?? undeclared(name, parts.fields[name]);
    const box = (name) => this.box(parts.fields, name, known(name));
    this.element.replaceChildren(
      ...prompts.map(box),
      h("div.data-grid", {}, [...others, ...strange].map(box),
        Object.entries(parts.settings).map(([name, value]) => this.box(parts.settings, name, undeclared(name, value)))),
      this.adding(declared),
      ...this.unknown(),
    );
  }

  box(values, name, declared) {
    const fixed = PROMPTS.includes(name);
    const input = control(declared, values[name] ?? "", (value) => { values[name] = value; this.changed(); });
    const remove = iconButton("close", t("Remove {name}", { name: declared.label }), () => {
      delete values[name];
      this.draw();
      this.changed();
    });
    return h(`div.data-field${fixed ? ".data-wide" : ""}`, { "data-field": name },
      h("div.data-label", {}, h("span", {}, t(declared.label)), fixed ? null : remove), input);
  }

  /** A list of the declared fields that are not among the data. */
  adding(declared) {
    const { fields } = this.parts;
    const told = facts.data_fields[this.parts.tab] ?? [];
    const offered = (name) => told.includes(name) && !(name in fields) && !PROMPTS.includes(name);
    const rest = [...declared].filter(([name]) => offered(name));
    const list = h("select.data-add", { "aria-label": t("Add a field"), onchange: () => {
      const [name, { kind, minimum, choices }] = rest[list.selectedIndex - 1];
      fields[name] = { number: minimum ?? 0, choice: choices[0]?.[1] ?? "", check: true, text: "" }[kind];
      this.draw();
      this.changed();
      this.element.querySelector(`[data-field="${CSS.escape(name)}"] :is(input, select, textarea)`)?.focus();
    } }, h("option", {}, t("Add a field…")), rest.map(([, { label }]) => h("option", {}, t(label))));
    const other = h("button.card-button", { type: "button", onclick: () => {
      this.parts.unknown.push(["", ""]);
      this.draw();
      [...this.element.querySelectorAll(".data-key")].at(-1)?.focus();
    } }, t("Add a key of your own"));
    return h("div.data-more", {}, rest.length ? list : null, other);
  }

  /** Keys that nothing here is for: kept as they are, and editable. */
  unknown() {
    const { unknown } = this.parts;
    const row = (pair, place) => {
      const set = (which) => (value) => { pair[which] = value; this.changed(); };
      return h("div.data-pair", {},
        textBox(pair[0], set(0), { className: "data-key", "aria-label": t("Key") }), this.value(pair, set(1)),
        iconButton("close", t("Remove {name}", { name: pair[0] }), () => {
          unknown.splice(place, 1);
          this.draw();
          this.changed();
        }));
    };
    return unknown.length
      ? [h("h3", {}, t("Other keys, kept as they are")), h("div.data-pairs", {}, unknown.map(row))]
      : [];
  }

  /** A box for a pair's value; a model that is here brings its hash along. */
  value(pair, changed) {
    const [key, value] = pair, more = { "aria-label": t("Value"), "data-of": key };
    if (key !== MODEL) return textBox(value, changed, more);
    return modelBox(value, (name, hash) => {
      if (hash !== undefined) this.takeHash(hash);
      changed(name);
    }, more);
  }

  /** The chosen model's hash takes the place of the former one's, which goes even if the new one is not known. */
  takeHash(hash) {
    const pair = this.parts.unknown.find(([key]) => key === MODEL_HASH);
    const box = this.element.querySelector(`[data-of="${MODEL_HASH}"]`);
    if (!pair || !box) return;
    if (hash) pair[1] = box.value = hash;
    else {
      pair[0] = "";      // a pair without a key is none
      box.closest(".data-pair").remove();
    }
  }

  /** What is changed since it was shown: { tab, fields, settings }, null for what is taken out. */
  get changes() { return changedParts(this.shown, this.parts); }
}



