// Values of an axis that has a list, chosen by clicking: each is a button, pressed while the text has it.
import { h, t } from "../core/dom.js";

const SPECIAL = /[",\n\r]/;

/** `a,"b, c"` → its values, as the server splits them. */
export function splitValues(text) {
  const values = [];
  let value = "", quoted = false, fresh = true;      // fresh: nothing but spaces of this value yet
  for (let i = 0; i < text.length; i++) {
    const mark = text[i];
    if (quoted && mark === '"' && text[i + 1] === '"') { value += '"'; i += 1; }
    else if (mark === '"' && (quoted || fresh)) { quoted = !quoted; fresh = false; }
    else if (!quoted && (mark === "," || mark === "\n")) { values.push(value.trim()); value = ""; fresh = true; }
    else if (!fresh || mark.trim()) { value += mark; fresh = false; }
  }
  return text.trim() ? [...values, value.trim()] : [];
}

/** Values as a text that is split into them again. */
export const joinValues = (values) =>
  values.map((each) => (SPECIAL.test(each) ? `"${each.replaceAll('"', '""')}"` : each)).join(",");

export class ValueChoice {
  /** get() and set(text): the text of values */
  constructor({ get, set, title }) {
    Object.assign(this, { get, set, values: [] });
    this.element = h("div.plot-choice", { role: "group", "aria-label": title, hidden: true });
  }

  /** Offer these values; null hides the choice. */
  offer(values) {
    const same = values && joinValues(values) === joinValues(this.values);
    this.element.hidden = !values?.length;
    if (!same) {
      this.values = values ?? [];
      this.element.replaceChildren(...this.values.map((value) =>
        h("button.plot-value", { type: "button", onclick: () => this.toggle(value) }, value || t("None"))));
    }
    const standing = new Set(splitValues(this.get()));
    this.values.forEach((value, i) => this.element.children[i].setAttribute("aria-pressed", standing.has(value)));
  }

  toggle(value) {
    const standing = splitValues(this.get());
    const left = standing.filter((each) => each !== value);
    this.set(joinValues(left.length < standing.length ? left : [...standing, value]));
  }
}
