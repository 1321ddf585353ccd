// The arguments of X/Y/Z plot in the form: all values of an axis at a click, axes swapped, whole comparisons, and what
// the plot will cost.
import { byId, debounced, duration, facts, h, t } from "../core/dom.js";
import { Lost, reasonOf, server } from "../core/server.js";

const PLOT = "X/Y/Z plot";
const LETTERS = ["x", "y", "z"];
const COMPARED = [
  ["Checkpoint name", "Checkpoints"], ["VAE", "VAEs"], ["Sampler", "Samplers"], ["Schedule type", "Schedules"],
  ["LoRA", "LoRAs"],
];
const SWAPS = [["x", "y"], ["y", "z"], ["x", "z"]];

const chip = (name, onclick) => h("button.chip-like", { type: "button", onclick }, name);

export class PlotForm {
  constructor({ tab, form }) {
    Object.assign(this, { tab, form, ids: facts.scripts[tab][PLOT], lists: null, asked: 0 });
    this.estimate = h("p.hint.plot-estimate", { role: "status" });
    this.estimateSoon = debounced(() => this.reckon(), 500);
    this.start();
  }

  start() {
    for (const letter of LETTERS)
      byId(this.ids[`${letter}_values`]).append(chip(t("All values"), () => this.fillAxis(letter)));
    const arguments_ = byId(`${this.tab}_script_container`).querySelector(`[data-script="${PLOT}"]`).closest(".script");
    const swaps = SWAPS.map(([a, b]) =>
      chip(t("Swap {a} and {b}", { a: a.toUpperCase(), b: b.toUpperCase() }), () => this.swap(a, b)));
    arguments_.append(h("div.plot-swaps", {}, swaps), this.estimate);
    const compare = COMPARED.map(([axis, name]) => chip(t(name), () => this.compare(axis)));
    byId(`${this.tab}_script_list`).after(h("div.plot-presets", {}, h("span", {}, t("Compare all:")), compare));
    this.form.onChange(() => this.look());
    this.look();
  }

  /** All values of an axis as a text; null where it has no list. */
  async valuesOf(axis) {
    this.lists = await server.plotAxes(this.tab);
    return this.lists.find(({ name }) => name === axis)?.values ?? null;
  }

  async fillAxis(letter) {
    const axis = this.form.get(this.ids[`${letter}_type`]);
    const values = await this.valuesOf(axis).catch(() => null);
    if (values === null)
      return this.say(t("{axis} takes numbers or texts: write them yourself.", { axis: axis || t("Nothing") }));
    this.form.fill({ [this.ids[`${letter}_values`]]: values });
  }

  swap(a, b) {
    const pairs = ["type", "values"].flatMap((what) => {
      const [one, other] = [this.ids[`${a}_${what}`], this.ids[`${b}_${what}`]];
      return [[one, this.form.get(other)], [other, this.form.get(one)]];
    });
    this.form.fill(Object.fromEntries(pairs));
  }

  /** All models, samplers … of a kind, with everything else as it is. */
  async compare(axis) {
    const values = await this.valuesOf(axis).catch(() => null);
    if (values === null) return;
    const { ids } = this;
    this.form.fill({
      script_name: PLOT, [ids.x_type]: axis, [ids.x_values]: values, [ids.y_type]: "Nothing", [ids.y_values]: "",
      [ids.z_type]: "Nothing", [ids.z_values]: "", [ids.more_axes]: "",
    });
  }

  look() {
    if (this.form.get("script_name") === PLOT) this.estimateSoon();
    else this.asked++;
  }

  /** Ask the server what the plot will be, or why it cannot be. */
  async reckon() {
    const asked = ++this.asked;
    if (this.form.get("script_name") !== PLOT) return;
    try {
      const found = await server.estimate(this.form.request());
      if (asked === this.asked) this.say(inWords(found));
    } catch (error) {
      if (asked !== this.asked || error instanceof Lost) return;
      // the editor's picture goes to the server at Generate
      const unsent = error.field === "init_images";
      this.say(unsent ? t("Pictures, time and memory are told once Generate has sent the picture.") : reasonOf(error));
    }
  }

  say(text) { this.estimate.textContent = text; }
}

/** "36 pictures · about 2:10 · 2 changes of models · grid 3072 × 3072". */
function inWords({ pictures, taken, seconds, swaps, grid, grid_megabytes: megabytes, too_large: large }) {
  const [width, height] = grid;
  return [
    t("{n} pictures", { n: pictures }),
    taken ? t("{n} of them drawn before", { n: taken }) : null,
    seconds === null ? null : t("about {time}", { time: duration(seconds) }),
    swaps ? t("{n} changes of models", { n: swaps }) : null,
    pictures ? t("grid {width} × {height}, {n} MB of memory", { width, height, n: Math.ceil(megabytes) }) : null,
    large ? t("too large to be made as one picture; the cells are all there") : null,
  ].filter(Boolean).join(" · ");
}
