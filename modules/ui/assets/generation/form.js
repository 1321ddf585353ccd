// A tab's form as values. gradio owns the controls; this hears every change and can set any of them.
import { byId, debounced, facts, pause } from "../core/dom.js";
import { browser, tab as kept } from "../core/storage.js";

const REMEMBER_NOT = new Set([...facts.quick, "init_images", "mask", "images", "infotexts", "batch_source", "batch_sent"]);      // kept apart (model_choice.js), and pictures
const forms = {};      // by tab

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b) || String(a) === String(b);

/** A seed is text for gradio: it may be larger than a number can hold. */
const fitting = (name, value) => (/^(sub)?seed$/.test(name) && value !== null ? String(value) : value);

/** The form of a tab. key: the name under which the browser remembers it, if it does. */
export function createForm(tab, { names, ids, key, ...begun } = { ...facts.forms[tab], ...window.easel.begun[tab] }) {
  let values = { override_settings: {}, ...begun.values };
  let base = begun.base;                 // what untouched fields hold: the model's defaults
  let pending = {};                      // asked for, but perhaps not yet in gradio's own state: name → { value, before, sent }
  let asked = {};                        // what somebody wanted as it is
  let owed = false;                      // whether gradio has yet to fetch it
  let delivery = 0;
  const asking = [];                     // who waits for the values of this moment
  const listeners = [];

  const form = forms[tab] = {
    tab,
    heard,
    wanted,
    get: (name) => values[name],
    get values() { return values; },
    onChange: (listener) => listeners.push(listener),
    fill,
    ask,
    now,
    followDefaults,
    usual: (name) => base[name],
    edited,
    settled,
  };

  /** Set some fields; names that the form does not have are ignored. */
  function fill(patch) {
    const known = Object.entries(patch).filter(([name]) => names.includes(name)).map(([name, value]) => [name, fitting(name, value)]);
    for (const [name, value] of known) {
      const older = pending[name];
      pending[name] = { value, before: older ? [...older.before, older.value] : [], sent: false };
    }
    values = { ...values, ...Object.fromEntries(known) };
    owed = true;
    deliver();
    changed();
  }

  /** The same for fields that somebody wants as they are: while they hold that they follow no model, not even from its defaults. */
  function ask(patch) {
    asked = { ...asked, ...patch };
    fill(patch);
  }

  /** Have gradio fetch what it is owed; again and again, for it may not be listening yet. */
  function deliver() {
    clearTimeout(delivery);
    if (!owed) return;
    byId(`${tab}_fill`)?.click();
    delivery = setTimeout(deliver, 100);
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

  function changed() {
    if (key) rememberSoon();
    for (const listener of listeners) listener(values);
  }

  function remember() {
    const remembered = Object.fromEntries(Object.entries(values).filter(([name]) => !REMEMBER_NOT.has(name)));
    kept.set(key, { values: remembered, base });
    browser.set(key, { values: remembered, base });
  }
  const rememberSoon = debounced(remember, 300);
  if (key) addEventListener("pagehide", remember);

  /** The model has other defaults: fields that nobody changed follow, save one that somebody is in. */
  async function followDefaults(defaults) {
    if (Object.keys(following(defaults)).length) await now();      // what was typed just now counts
    const patch = following(defaults);
    base = { ...base, ...defaults };
    if (Object.keys(patch).length) fill(patch);
  }

  /** What differs from the defaults it follows: name → value. */
  function edited() {
    return Object.fromEntries(Object.entries(values).filter(([name, value]) => name in base && !same(value, base[name])));
  }

  function following(defaults) {
    const follows = ([name, value]) => name in values && same(values[name], base[name]) && !same(values[name], value) && !inUse(name) && !same(values[name], asked[name]);
    return Object.fromEntries(Object.entries(defaults).filter(follows));
  }

  const inUse = (name) => Boolean(byId(ids[name])?.contains(document.activeElement));

  const named = (list) => Object.fromEntries(names.map((name, i) => [name, list[i]]));

  // What gradio's events call: `heard` after any change, `wanted` to fetch what `fill` asked for.
  function heard(list) {
    take(named(list));
    changed();
  }

  function wanted(list) {
    owed = false;
    const told = named(list);
    take(told);
    for (const [name, { value, before, sent }] of Object.entries(pending)) {
      if (!sent) pending[name] = { value, before: [...before, told[name]], sent: true };
    }
    for (const resolve of asking.splice(0)) resolve(values);
    setTimeout(() => { if (!owed) pending = {}; }, 250);
    return names.map((name) => (name in pending ? pending[name].value : { __type__: "update" }));      // an empty update changes nothing
  }

  /** What gradio tells, under what it has still to hear; but a value that neither was there before nor was sent, somebody has typed since. */
  function take(told) {
    const typed = ([name, { value, before, sent }]) => sent && ![value, ...before].some((known) => same(known, told[name]));
    pending = Object.fromEntries(Object.entries(pending).filter((entry) => !typed(entry)));
    values = { ...told, ...Object.fromEntries(Object.entries(pending).map(([name, { value }]) => [name, value])) };
  }

  return form;
}

window.easel.heard = (tab, list) => forms[tab]?.heard(list);
window.easel.wanted = (tab, list) => forms[tab]?.wanted(list) ?? list.map(() => ({ __type__: "update" }));
