// ControlNet's fold in a tab: its units side by side, each a tab whose name tells its state.
import { bringIntoView, byId, t } from "../core/dom.js";
import { FormTabs } from "./form_tabs.js";
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
      frame: () => ({ width: Number(form.get("width")), height: Number(form.get("height")) }),
      size: () => mapSize(Number(form.get("width")) || LEAST_MAP, Number(form.get("height")) || LEAST_MAP),
      ground: async () => (await owner.drawing?.())?.image ?? null,
      checkpoint: () => form.get("sd_model_checkpoint") ?? "",
      count: (number) => form.fill({ n_iter: number, batch_size: 1 }),
    };
    Object.assign(this, { tab, form });
    this.units = Array.from({ length: count }, (_, number) =>
      new UnitForm(tab, number, () => this.tabs.changed(), place));
    const fold = byId(`${tab}_controlnet`);
    this.tabs = new FormTabs(fold, form, "control", this.units, {
      title: (n) => t("Unit {n}", { n }), load: () => this.load(),
    });
    fold.querySelector(".control-place").append(
      this.tabs.row, this.tabs.more, ...this.units.map(({ element }) => element));
    this.tabs.follow();
  }

  async load() {
    for (const unit of this.units) await unit.load();
  }

  /** A picture's file into the first unit that has none. */
  async receive(file) {
    const found = this.units.find(({ values }) => !values.image) ?? this.units[0];
    this.tabs.open(this.units.indexOf(found));
    this.load();
    await found.picture.keep(file);
    this.reveal();
  }

  /** Values into the first unit, which is shown. */
  put(unit) {
    this.form.fill({ control: [unit] });
    this.tabs.open(0);
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
