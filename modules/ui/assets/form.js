// The form as values. gradio owns the controls; this hears every change and can set any of them.
import { byId, debounced, facts, pause } from "./dom.js";
import { browser, tab } from "./kept.js";

const REMEMBER_NOT = new Set(facts.quick);      // the server's settings say which

let values = { ...Object.fromEntries(facts.quick.map((name) => [name, null])), override_settings: {}, ...facts.defaults };
let base = { ...facts.defaults };      // what untouched fields hold: the loaded model's defaults
let pending = {};                      // asked for, but perhaps not yet in gradio's own state
let owed = false;                      // whether gradio has yet to fetch it
let delivery = 0;
const asking = [];                     // who waits for the values of this moment
let restored = false;
const listeners = [];

export const form = {
  get: (name) => values[name],
  get values() { return values; },
  onChange: (listener) => listeners.push(listener),
  fill,
  now,
  followDefaults,
  restore,
  settled,
};

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b) || String(a) === String(b);

/** Set some fields; names that the form does not have are ignored. */
function fill(patch) {
  const known = Object.entries(patch).filter(([name]) => facts.names.includes(name));
  const wanted = Object.fromEntries(known.map(([name, value]) => [name, fitting(name, value)]));
  pending = { ...pending, ...wanted };
  values = { ...values, ...wanted };
  owed = true;
  deliver();
  changed();
}

/** Have gradio fetch what it is owed; again and again, for it may not be listening yet. */
function deliver() {
  clearTimeout(delivery);
  if (!owed) return;
  byId("txt2img_fill")?.click();
  delivery = setTimeout(deliver, 250);
}

/** The values as gradio holds them this moment: what was typed just now has not been heard yet. */
function now() {
  return new Promise((resolve) => {
    asking.push(resolve);
    owed = true;
    deliver();
  });
}

/** Until gradio holds everything that was filled in. */
async function settled() {
  while (owed || Object.keys(pending).length) await pause(30);
}

/** A seed is text for gradio: it may be larger than a number can hold. */
const fitting = (name, value) => (/seed$/.test(name) && value !== null ? String(value) : value);

function changed() {
  rememberSoon();
  for (const listener of listeners) listener(values);
}

function remember() {
  if (!restored) return;
  const kept = Object.fromEntries(Object.entries(values).filter(([name]) => !REMEMBER_NOT.has(name)));
  tab.set("form", { values: kept, base });
  browser.set("form", { values: kept, base });
}
const rememberSoon = debounced(remember, 300);
addEventListener("pagehide", remember);

/** Put back what this tab held before a reload; in a new tab, what the newest tab held. */
function restore() {
  const kept = tab.get("form") ?? browser.get("form");
  if (kept?.values) {
    base = { ...base, ...kept.base };
    fill({ ...kept.values });
  }
  restored = true;
}

/** The loaded model has other defaults: fields that nobody changed follow. */
function followDefaults(defaults) {
  const patch = {};
  for (const [name, value] of Object.entries(defaults)) {
    if (name in values && same(values[name], base[name]) && !same(values[name], value)) patch[name] = value;
  }
  base = { ...base, ...defaults };
  if (Object.keys(patch).length) fill(patch);
}

const named = (list) => Object.fromEntries(facts.names.map((name, i) => [name, list[i]]));

// What gradio's events call: `heard` after any change, `wanted` to fetch what `fill` asked for.
window.easel.heard = (list) => {
  values = { ...named(list), ...pending };
  changed();
};
window.easel.wanted = (list) => {
  owed = false;
  values = { ...named(list), ...pending };
  for (const resolve of asking.splice(0)) resolve(values);
  setTimeout(() => { if (!owed) pending = {}; }, 250);
  return facts.names.map((name) => (name in pending ? pending[name] : { __type__: "update" }));      // an empty update changes nothing
};
