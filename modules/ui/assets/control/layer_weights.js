// The weights of a unit's layers, as a line of numbers: they stand in the place of its weight and its mode.
import { textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";

const OUTPUTS = 13, GROUPS = 16;      // of SD 1's ControlNet and IP-Adapter; of SDXL's the first ten and eleven count
const SOFTENING = 0.825;              // factor of a layer's weight to the one after it, where the prompt goes first
const MOST = 16, LARGEST = 10;        // numbers, and the largest of them

export class LayerWeights {
  /** unit: whose they are; balanced: the mode in which all layers have one weight; prompts: tells an IP-Adapter */
  constructor(unit, balanced, prompts) {
    Object.assign(this, { unit, balanced, prompts });
    this.line = h("input", {
      type: "text", id: `${unit.id}_advanced_weighting`, spellcheck: false, "aria-label": t("Weights by layer"),
      placeholder: t("Empty: Control Weight counts"), onchange: () => this.read(),
    });
    this.wrong = h("p.control-wrong", { role: "alert" });
    this.element = h("details.control-more", {},
      h("summary", {}, t("Weights by layer")),
      h("p.hint", {}, t("A number for each layer, from the first to the middle one, instead of Control Weight and "
        + "Control Mode: 13 for SD 1 and 2, 10 for SDXL; for a T2I-Adapter 4, for an IP-Adapter 16 or 11.")),
      this.line, this.wrong,
      textButton(t("Fill in what counts now"), () => unit.set({ advanced_weighting: this.usual() })));
  }

  /** What weight and mode come to. */
  usual() {
    const { weight, control_mode: mode, module } = this.unit.values;
    if (this.prompts(module)) return Array(GROUPS).fill(weight);
    return Array.from({ length: OUTPUTS }, (_, place) =>
      mode === this.balanced ? weight : rounded(weight * SOFTENING ** (OUTPUTS - 1 - place)));
  }

  read() {
    const numbers = this.line.value.split(/[\s,;/]+/).filter(Boolean).map(Number);
    const wrong = numbers.length > MOST || numbers.some((each) => !(Math.abs(each) <= LARGEST));
    const told = t("Up to {n} numbers from -{most} to {most}, with commas between.", { n: MOST, most: LARGEST });
    this.tell(wrong ? told : "");
    if (!wrong) this.unit.set({ advanced_weighting: numbers });
  }

  tell(words) {
    this.wrong.textContent = words;
    this.wrong.hidden = !words;
    this.line.setAttribute("aria-invalid", String(Boolean(words)));
  }

  show() {
    const { advanced_weighting: weights = [] } = this.unit.values;
    if (this.shown === weights) return;
    this.shown = weights;
    this.line.value = weights.join(", ");
    this.tell("");
    if (weights.length) this.element.open = true;
  }
}

const rounded = (number) => Math.round(number * 1000) / 1000;
