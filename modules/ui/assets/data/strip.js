// What is to be taken away before a picture is given to others.
import { h, t } from "../core/dom.js";
import { STRIPS } from "./edits.js";

export class StripChoice {
  /** changed(): another choice */
  constructor(changed = () => {}) {
    this.boxes = STRIPS.map(([value, label]) => {
      const input = h("input", { type: "checkbox", value, onchange: () => { this.follow(); changed(); } });
      return { input, element: h("label.data-check", {}, input, t(label)) };
    });
    this.element = h("div.data-checks", {}, this.boxes.map(({ element }) => element));
  }

  /** Everything includes the rest. */
  follow() {
    const [everything, ...others] = this.boxes;
    for (const { input } of others) input.disabled = everything.input.checked;
  }

  get chosen() {
    const chosen = this.boxes.map(({ input }) => input).filter(({ checked }) => checked).map(({ value }) => value);
    return chosen.includes("all") ? ["all"] : chosen;
  }
}
