// ControlNet's fold in a tab: its units side by side, each a tab whose name tells its state.
import { bringIntoView, byId, h, t } from "../core/dom.js";
import { UnitForm } from "./unit.js";

const LEAST_MAP = 512;      // pixels of the shorter side of what is drawn by hand, as preprocessors make maps

/** The size to draw a map at, of a picture's shape and not smaller than it. */
function mapSize(width, height) {
  const factor = Math.max(1, LEAST_MAP / Math.min(width, height));
  return { width: Math.round(width * factor), height: Math.round(height * factor) };
}

/** A tab's units, and what other parts of the page do with them. */
export class ControlUnits {
  constructor(owner, count) {
    const { tab, form } = owner, place = {
      size: () => mapSize(Number(form.get("width")) || LEAST_MAP, Number(form.get("height")) || LEAST_MAP),
      ground: async () => (await owner.drawing?.())?.image ?? null,
      checkpoint: () => form.get("sd_model_checkpoint") ?? "",
      count: (number) => form.fill({ n_iter: number, batch_size: 1 }),
    };
    Object.assign(this, { tab, form, own: null });
    this.units = Array.from({ length: count }, (_, number) => new UnitForm(tab, number, () => this.changed(), place));
    this.tabs = h("div.control-tabs", { role: "tablist" });
    this.buttons = this.units.map((_, number) =>
      h("button", { type: "button", role: "tab", onclick: () => this.open(number) }));
    this.tabs.append(...this.buttons);
    const fold = byId(`${tab}_controlnet`);
    fold.querySelector(".control-place").append(this.tabs, ...this.units.map(({ element }) => element));
    if (fold.querySelector("details").open) this.load();
    else fold.addEventListener("click", () => this.load(), { once: true });      // unopened, it costs nothing
    form.onChange((values) => this.take(values.control ?? []));
    this.open(0);
    this.take(form.get("control") ?? []);
  }

  open(number) {
    this.units.forEach(({ element }, place) => { element.hidden = place !== number; });
    this.buttons.forEach((button, place) => button.setAttribute("aria-selected", String(place === number)));
  }

  async load() {
    for (const unit of this.units) await unit.load();
  }

  /** The units as the form has them; those that nobody touched say nothing. A plot may switch on what is off here. */
  changed() {
    const last = this.units.findLastIndex(({ values }) => values.enabled || values.image);
    this.own = this.units.slice(0, last + 1).map(({ values }) => values);
    this.form.fill({ control: this.own });
    this.name();
  }

  /** What somebody else put into the form, such as pasted data. */
  take(control) {
    if (control === this.own) return this.name();
    this.own = control;
    this.units.forEach((unit, place) => unit.take(control[place] ?? {}));
    if (control.length) this.load();
    this.name();
  }

  name() {
    this.units.forEach((unit, number) => {
      const { enabled } = unit.values;
      this.buttons[number].textContent = t("Unit {n}", { n: number }) + (enabled ? ` [${unit.summary}]` : "");
      this.buttons[number].classList.toggle("on", enabled);
    });
  }

  /** A picture's file into the first unit that has none. */
  async receive(file) {
    const found = this.units.find(({ values }) => !values.image) ?? this.units[0];
    this.open(this.units.indexOf(found));
    this.load();
    await found.picture.keep(file);
    this.reveal();
  }

  /** Values into the first unit, which is shown. */
  put(unit) {
    this.form.fill({ control: [unit] });
    this.open(0);
    this.reveal();
  }

  reveal() {
    const fold = byId(`${this.tab}_controlnet`).querySelector("details");
    fold.open = true;
    bringIntoView(fold);
  }
}

/** Starts the fold of a tab that has one. */
export function startControl(tab) {
  const count = Number(window.opts.control_net_unit_count) || 3;
  tab.control = new ControlUnits(tab, count);
}
