// A form of our own, whose values are one object: boxes, lists, sliders and texts by field.
import { h, t } from "../core/dom.js";

export class FieldsForm {
  /** id: begins the controls' ids; changed: called after each change of `values` by a person */
  constructor(id, values, changed) {
    Object.assign(this, { id, values, changed, controls: {} });
  }

  /** Change some values and show them. */
  set(patch) {
    this.values = { ...this.values, ...patch };
    this.show();
    this.changed();
  }

  show() {
    for (const [name, control] of Object.entries(this.controls)) control(this.values[name]);
  }

  /** A list's choice was made. */
  chosen(name, value) {
    this.set({ [name]: value });
  }

  check(name, label) {
    const box = h("input", {
      type: "checkbox", id: `${this.id}_${name}`, onchange: () => this.set({ [name]: box.checked }),
    });
    this.controls[name] = (value) => { box.checked = Boolean(value); };
    return h("label", {}, box, t(label));
  }

  choice(name, label) {
    const list = h("select", { id: `${this.id}_${name}_dropdown`, onchange: () => this.chosen(name, list.value) });
    this[`${name}List`] = list;
    this.controls[name] = (value) => {
      if (![...list.options].some((option) => option.value === value)) list.append(h("option", { value }, value));
      list.value = value;
    };
    return h("label.control-field", {}, h("span", {}, t(label)), list);
  }

  slider(name, label, min, max, step) {
    const limits = { min, max, step, "aria-label": t(label) };
    const hear = (event) => { if (event.target.value !== "") this.set({ [name]: Number(event.target.value) }); };
    const number = h("input", { type: "number", ...limits, onchange: hear });
    const range = h("input", { type: "range", id: `${this.id}_${name}_slider`, ...limits, oninput: hear });
    this.controls[name] = (value) => {
      number.value = value;
      range.value = value;
      range.style.setProperty("--range_progress", `${((range.value - min) / (max - min)) * 100}%`);
    };
    return h("div.control-field", {}, h("span", {}, t(label)), number, range);
  }

  radio(name, label, options) {
    const buttons = options.map((value) => h("input", {
      type: "radio", name: `${this.id}_${name}`, value, onchange: () => this.set({ [name]: value }),
    }));
    this.controls[name] = (value) => { for (const each of buttons) each.checked = each.value === value; };
    const labels = buttons.map((button) => h("label", {}, button, t(button.value)));
    return h("fieldset.control-radio", {}, h("legend", {}, t(label)), ...labels);
  }

  text(name, label, hint = "") {
    const area = h("textarea", {
      rows: 2, id: `${this.id}_${name}`, placeholder: t(hint), oninput: () => {
        this.values = { ...this.values, [name]: area.value };      // what is typed is not written back
        this.changed();
      },
    });
    this.controls[name] = (value) => { if (area.value !== value) area.value = value; };
    return h("label.control-field", {}, h("span", {}, t(label)), area);
  }
}
