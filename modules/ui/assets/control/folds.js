// The folds of ControlNet, of regions and of the detailer in a tab: what is inside comes once a fold is opened, or once
// the form holds something of it.
import { byId, facts } from "../core/dom.js";

const FOLDS = {
  controlnet: {
    holds: ({ control }) => control?.length,
    start: async (tab) => (await import("./control.js")).startControl(tab),
  },
  regions: {
    holds: ({ regions }) => regions?.length,
    start: async (tab) => (await import("./regions.js")).startRegions(tab),
  },
  detailer: {
    holds: ({ detailer }) => detailer?.length,
    start: async (tab) => (await import("./detailer.js")).startDetailer(tab),
  },
};

class Fold {
  started = null;

  constructor(owner, details, { holds, start }) {
    Object.assign(this, { owner, start });
    details.addEventListener("toggle", () => { if (details.open) this.bring(); });
    owner.form.onChange((values) => { if (holds(values)) this.bring(); });
    if (details.open || holds(owner.form.values)) this.bring();
  }

  /** Resolves once it is there; what did not come is asked for again the next time. */
  bring() {
    this.started ??= this.start(this.owner).catch((error) => { this.started = null; throw error; });
    return this.started;
  }
}

/** Starts the folds that a tab has; with extensions, whose scripts look for all of it, what is inside at once. */
export async function startFolds(tab) {
  const found = Object.entries(FOLDS).flatMap(([name, how]) => {
    const details = byId(`${tab.tab}_${name}`)?.querySelector("details");
    return details ? [[name, new Fold(tab, details, how)]] : [];
  });
  const { controlnet } = Object.fromEntries(found);
  if (controlnet) {
    tab.control ??= {      // until it has come itself
      receive: async (file) => { await controlnet.bring(); return tab.control.receive(file); },
      put: async (unit) => { await controlnet.bring(); return tab.control.put(unit); },
    };
  }
  if (facts.extensions) await Promise.all(found.map(([, fold]) => fold.bring()));
}
