// The arguments of X/Y/Z plot in the form: all values of an axis at a click, axes swapped, whole comparisons, and what
// the plot will cost.
import { byId, debounced, duration, facts, h, t } from "../core/dom.js";
import { Lost, reasonOf, server } from "../core/server.js";
import { ValueChoice, splitValues } from "./value_choice.js";

const PLOT = "X/Y/Z plot", NOTHING = "Nothing";
const FRESH = 5000;      // ms for which lists of values are taken as they are
const LETTERS = ["x", "y", "z"];
const COMPARED = [
  ["Checkpoint name", "Checkpoints"], ["VAE", "VAEs"], ["Sampler", "Samplers"], ["Schedule type", "Schedules"],
  ["LoRA", "LoRAs"],
];
const SWAPS = [["x", "y"], ["y", "z"], ["x", "z"]];

const chip = (name, onclick) => h("button.chip-like", { type: "button", onclick }, name);

export class PlotForm {
  /** owner: the generation tab; img2img's tells the size of its picture */
  constructor(owner) {
    const { tab, form } = owner;
    Object.assign(this, { owner, tab, form, ids: facts.scripts[tab][PLOT], asked: 0 });
    this.estimate = h("p.hint.plot-estimate", { role: "status" });
    this.estimateSoon = debounced(() => this.reckon(), 500);
    this.start();
  }

  start() {
    this.choices = new Map(LETTERS.map((letter) => [letter, this.choiceOf(letter)]));
    this.notes = new Map(LETTERS.map((letter) => [letter, h("p.hint.plot-note", { role: "status" })]));
    for (const [letter, { element }] of this.choices) {
      const all = chip(t("All values"), () => this.fillAxis(letter));
      byId(this.ids[`${letter}_values`]).append(all, element, this.notes.get(letter));
    }
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
    const lists = await this.listsNow();
    return lists.find(({ name }) => name === axis)?.values ?? null;
  }

  /** The lists, asked for once in a while: files come and go. */
  listsNow() {
    if (Date.now() - (this.since ?? 0) < FRESH) return this.coming;
    Object.assign(this, { since: Date.now(), coming: server.plotAxes(this.tab) });
    this.coming.catch(() => { this.since = 0; });
    return this.coming;
  }

  choiceOf(letter) {
    const id = this.ids[`${letter}_values`];
    return new ValueChoice({
      get: () => String(this.form.get(id) ?? ""), set: (text) => this.form.fill({ [id]: text }),
      title: t("Values of {axis}", { axis: letter.toUpperCase() }),
    });
  }

  /** Each axis with a list offers its values, unless only texts are wanted. */
  async offer() {
    const turn = this.offered = (this.offered ?? 0) + 1, texts = String(this.form.get(this.ids.csv_mode)) === "true";
    for (const [letter, choice] of this.choices) {
      const axis = this.axisOf(letter);
      const text = texts || axis === NOTHING ? null : await this.valuesOf(axis).catch(() => null);
      if (turn === this.offered) choice.offer(text === null ? null : splitValues(text));
    }
  }

  async fillAxis(letter) {
    const axis = this.axisOf(letter);
    const values = await this.valuesOf(axis).catch(() => null);
    if (values !== null) return this.form.fill({ [this.ids[`${letter}_values`]]: values });
    const note = this.notes.get(letter), named = axis === NOTHING ? t("Nothing") : axis;
    note.dataset.axis = axis;
    note.textContent = t("{axis} takes numbers or texts: write them yourself.", { axis: named });
  }

  axisOf(letter) { return this.form.get(this.ids[`${letter}_type`]) || NOTHING; }

  /** What was said of an axis that has no list, until another is chosen. */
  forgetNotes() {
    for (const [letter, note] of this.notes)
      if (note.dataset.axis !== this.axisOf(letter)) note.textContent = "";
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
    this.forgetNotes();
    if (this.form.get("script_name") !== PLOT) {
      this.asked++;
      return;
    }
    this.estimateSoon();
    this.offer();
  }

  /** Ask the server what the plot will be, or why it cannot be. */
  async reckon() {
    const asked = ++this.asked;
    if (this.form.get("script_name") !== PLOT) return;
    try {
      const picture = this.owner.pictureSize?.() ?? null;
      const found = await server.estimate({ ...this.form.request(), picture });
      if (asked === this.asked) this.say(inWords(found));
    } catch (error) {
      if (asked !== this.asked || error instanceof Lost) return;
      this.say(error.field === "init_images" ? t("Put a picture into the editor first.") : reasonOf(error));
    }
  }

  say(text) { this.estimate.textContent = text; }
}

/** "36 pictures · about 2:10 · 2 changes of models · grid 3072 × 3072". */
function inWords({ pictures, taken, seconds, swaps, grid, grid_megabytes: megabytes, too_large: large }) {
  const [width, height] = grid;
  return [
    pictures === 1 ? t("1 picture") : t("{n} pictures", { n: pictures }),
    taken ? t("{n} of them drawn before", { n: taken }) : null,
    seconds === null ? null : t("about {time}", { time: duration(seconds) }),
    swaps ? t("{n} changes of models", { n: swaps }) : null,
    pictures ? t("grid {width} × {height}, {n} MB of memory", { width, height, n: Math.ceil(megabytes) }) : null,
    large ? t("too large to be made as one picture; the cells are all there") : null,
  ].filter(Boolean).join(" · ");
}
