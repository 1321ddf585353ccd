// As much of a page as scripts need that are tried without one: what boot.js gives them, and a browser's names.
export const heardBy = {};      // form → its store, as gradio would call it

class Store {
  values = null;
  filled = [];
  fill(patch) { this.filled.push(patch); }
}

export function openPage({ facts = {}, words = {} } = {}) {
  const memory = () => {
    const kept = new Map();
    return { get: (name) => kept.get(name) ?? null, set: (name, value) => kept.set(name, value) };
  };
  globalThis.window = globalThis;
  globalThis.navigator ??= {};
  globalThis.addEventListener ??= () => {};
  globalThis.document = { getElementById: () => null, activeElement: null, addEventListener: () => {} };
  globalThis.wording = {
    t: (text, gaps = {}) => (words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => gaps[name] ?? whole),
    told: (text) => text, locale: () => "en", table: words,
  };
  globalThis.easel = {
    facts: {
      quick: ["sd_model_checkpoint", "sd_vae"], scripts: {}, forms: {}, start: { account: "", drafts: {} }, ...facts,
    },
    kept: { tab: memory(), browser: memory(), device: "here" },
    store: (name) => (heardBy[name] ??= new Store()),
  };
}
