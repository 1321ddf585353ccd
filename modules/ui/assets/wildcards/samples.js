// What the prompts of a form would become, ten pictures at a time.
import { facts, h, t } from "../core/dom.js";
import { textButton } from "../core/dialog.js";
import { reasonOf, server } from "../core/server.js";
import { wildcardFiles } from "./files.js";

const AT_ONCE = 10;
const MODES = [
  ["Off", "Off: braces and underscores are plain text"],
  ["Random", "Random: by each picture's seed"],
  ["Combinations", "Combinations: one after another"],
];

export class Samples {
  /** form: the tab's */
  constructor(form) {
    Object.assign(this, { form, next: 0 });
    this.mode = h("select.networks-select", { "aria-label": t("Dynamic prompts"), onchange: () => this.choose() },
      MODES.map(([value, label]) => h("option", { value }, t(label))));
    this.rows = h("ol.sample-rows");
    this.trouble = h("p.card-trouble", { role: "alert" });
    this.more = textButton(t("Ten more"), () => this.add());
    this.element = h("section.wildcard-samples", {},
      h("div.style-bar", {}, h("label.sample-mode", {}, h("span", {}, t("Dynamic prompts")), this.mode),
        textButton(t("Draw anew"), () => this.start())),
      this.rows, this.trouble, this.more);
  }

  async open() {
    try {
      this.mode.value = (await server.settings()).dynamic_prompts;
    } catch (error) {
      this.trouble.textContent = reasonOf(error);
    }
    return this.start();
  }

  /** The setting is the account's own. */
  async choose() {
    try {
      await server.changeSettings({ dynamic_prompts: this.mode.value }, true);
      facts.start.settings.dynamic_prompts = this.mode.value;
      await this.start();
    } catch (error) {
      this.trouble.textContent = reasonOf(error);
    }
  }

  start() {
    this.rows.replaceChildren();
    this.next = 0;
    this.first = null;
    return this.add();
  }

  async add() {
    const { prompt, negative_prompt, seed } = await this.form.now();
    const mode = this.mode.value === "Off" ? "Random" : this.mode.value;
    this.trouble.textContent = "";
    try {
      const wishes = { prompt, negative_prompt, seed: this.first ?? seed, mode, count: AT_ONCE, skip: this.next };
      const { samples } = await wildcardFiles.samples(wishes);
      this.first ??= samples[0].seed;
      this.next += samples.length;
      this.rows.append(...samples.map((sample) => row(sample, negative_prompt)));
    } catch (error) {
      this.trouble.textContent = reasonOf(error);
    }
  }
}

const row = ({ seed, prompt, negative_prompt: negative }, template) => h("li", {},
  h("span.sample-text", {}, prompt || t("(empty)")),
  negative && negative !== template ? h("span.sample-negative", {}, `− ${negative}`) : null,
  h("small", {}, t("Seed {seed}", { seed })));
