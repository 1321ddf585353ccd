// Runs before anything is drawn: the theme, what the form begins with, early clicks, A1111's globals that other scripts
// expect.
"use strict";

window.easel = { facts: { ...window.easelFacts, ...JSON.parse(document.getElementById("easel_facts").textContent) } };

// where the description of the other tabs is, as the document has the address of this script
if (window.easelRest) window.easel.rest = new URL(window.easelRest, document.currentScript.src).href;

window.easel.theme = {
  get wanted() {
    let chosen = null;
    try { chosen = localStorage.getItem("easel.theme"); } catch { /* storage may be forbidden */ }
    return (
      chosen || window.easel.facts.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")
    );
  },
  apply() {
    document.documentElement.dataset.theme = this.wanted;
    document.body?.classList.toggle("dark", this.wanted === "dark");
  },
  toggle() {
    const other = this.wanted === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("easel.theme", other);
    } catch {
      /* then until the next reload */ window.easel.facts.theme = other;
    }
    this.apply();
  },
};
window.easel.theme.apply();
document.addEventListener("DOMContentLoaded", () => window.easel.theme.apply());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.easel.theme.apply());

// what this account may not use is not drawn
for (const { props } of window.gradio_config?.components ?? []) {
  if (window.easel.facts.start.hidden_tabs.includes(props.elem_id)) props.visible = false;
}

// The page in its language: what is read is translated in gradio's own description; ids and values stay.
window.wording.use(window.easel.facts.language, window.easelWords ?? {}, window.easel.facts.words);
// gradio's own words, and what it writes into <html lang>, follow the browser's first language: here it is the page's
Object.defineProperty(navigator, "language", { get: () => window.easel.facts.language, configurable: true });
{
  const { t, table } = window.wording;
  const shown = (text) => (typeof text === "string" ? table[text] ?? t(text.trim()) : text);
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const plain = (html) => html.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"')
    .replaceAll("&#x27;", "'").replaceAll("&amp;", "&");
  const inHtml = (html) => html.replace(/>([^<>]{1,400})</g, (whole, text) =>
    (plain(text) in table ? `>${escaped(table[plain(text)])}<` : whole));
  easel.translate = (components) => {
    for (const { type, props } of Object.keys(table).length ? components : []) {
      for (const name of ["label", "info", "placeholder"]) if (props[name]) props[name] = shown(props[name]);
      if (type === "button") props.value = shown(props.value);
      if (type === "html" && typeof props.value === "string") props.value = inHtml(props.value);
      if (Array.isArray(props.choices)) {
        props.choices = props.choices.map((each) => (Array.isArray(each) ? [shown(each[0]), each[1]] : each));
      }
    }
  };
}

// A1111's surface for scripts of extensions and users.
window.opts = { ...window.easel.facts.settings, ...window.easel.facts.start.settings };
window.gradioApp = () => document;
window.get_uiCurrentTab = () => document.querySelector("#tabs button[role=tab][aria-selected=true]");
window.get_uiCurrentTabContent = () => document.querySelector("#tabs > [role=tabpanel]:not([style*='display: none'])");
window.updateInput = (target) => target.dispatchEvent(new Event("input", { bubbles: true }));

for (const [name, moment] of Object.entries({
  onUiLoaded: "loaded",
  onUiUpdate: "update",
  onAfterUiUpdate: "afterUpdate",
  onUiTabChange: "tabChange",
  onOptionsChanged: "options",
})) {
  window[name] = (listener) => (window.easel.listeners[moment] ??= []).push(listener);
}
window.easel.listeners = {};
window.easel.tell = (moment, ...details) => {
  for (const listener of window.easel.listeners[moment] ?? []) {
    try { listener(...details); } catch (error) { console.error(`A listener of "${moment}" failed`, error); }
  }
};

{
  const { facts } = window.easel;
  const { account, choice, choices, defaults } = facts.start;
  const own = account ? `easel.@${account}.` : "easel.";      // people who log in by turns may share a browser
  const read = (storage, name) => {
    try {
      return JSON.parse(storage().getItem(own + name));
    } catch {
      return null;
    }
  };
  const write = (storage, name, value) => {
    try {
      if (value === null) storage().removeItem(own + name);
      else storage().setItem(own + name, JSON.stringify(value));
    } catch { /* full or forbidden: then nothing is remembered */ }
  };
  const memory = (storage) => ({
    get: (name) => read(storage, name),
    set: (name, value) => write(storage, name, value),
  });

  // What the browser remembers: per tab (survives a reload), and the newest of any tab (where a new tab starts).
  const kept = window.easel.kept = { tab: memory(() => sessionStorage), browser: memory(() => localStorage) };
  kept.device = kept.browser.get("device") ?? Math.random().toString(36).slice(2);
  kept.browser.set("device", kept.device);

  /**
   * A draft as it was left last: here, or by the same account on another device.
   *
   * value: null if there is none; draft: the account's version, which the server knows; setAside: what this tab had,
   * where another device's is newer
   */
  easel.remembered = (key) => {
    const mine = kept.tab.get(key), here = mine ?? kept.browser.get(key), draft = facts.start.drafts[key];
    const newer = draft && (!here || (draft.revision > (here.revision ?? 0) && draft.device !== kept.device));
    return newer ? { value: draft.value, draft, setAside: mine } : { value: here, draft, setAside: null };
  };

  const keyOf = (tab) => (tab === "txt2img" ? "form" : `form.${tab}`);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  /** The model of this page: what was chosen in this tab, else what this person chose last, else the server's. */
  function chosen() {
    const mine = kept.tab.get(`choice.${account}`) ?? (account ? null : kept.browser.get("choice.")) ?? {};
    const here = (name) =>
      (choices[facts.lists[`setting_${name}`]] ?? [[null, mine[name]]]).some(([, value]) => value === mine[name]);
    return {
      ...choice,
      ...Object.fromEntries(facts.quick.filter((name) => name in mine && here(name)).map((name) => [name, mine[name]])),
    };
  }

  /**
   * A tab's values, and what fields that nobody changed hold. These follow the model, as far as the server has told
   * about it.
   */
  function begun(tab) {
    const plain = facts.forms[tab].defaults;
    const found = easel.remembered(keyOf(tab)).value ?? {};
    const known = (values) =>
      Object.fromEntries(
        Object.entries(values ?? {}).filter(([name]) => name in plain || name === "override_settings"),
      );
    const base = { ...plain, ...known(found.base) }, values = { ...plain, ...known(found.values) };
    const usual = easel.choice.sd_model_checkpoint === choice.sd_model_checkpoint ? defaults[tab] ?? {} : {};
    for (const [name, value] of Object.entries(usual))
      if (name in values && same(values[name], base[name])) values[name] = value;
    return { key: keyOf(tab), base: { ...base, ...usual }, values: { ...values, ...easel.choice } };
  }

  easel.choice = chosen();
  easel.begun = Object.fromEntries(Object.keys(facts.forms).map((tab) => [tab, begun(tab)]));

  /** What a list that offers files shows; where there is no VAE file, nobody needs to choose one. */
  easel.offer = (id, offered) => {
    const fewest = { setting_sd_model_checkpoint: 0, setting_sd_vae: 3 }[id] ?? (id.startsWith("modelmerger_") ? 0 : 1);
    return { choices: offered, visible: offered.length >= fewest };
  };

  /** Into gradio's own description of components, so that it draws these values and none has to be put in later. */
  easel.adapt = (described) => {
    easel.translate(described);
    const components = new Map(described.map(({ props }) => [props.elem_id, props]));
    const put = (id, props) => { if (components.has(id)) Object.assign(components.get(id), props); };
    for (const [id, list] of Object.entries(facts.lists)) put(id, easel.offer(id, choices[list]));
    for (const [name, value] of Object.entries(facts.start.settings)) put(`setting_${name}`, { value });
    for (const [tab, { ids }] of Object.entries(facts.forms)) {
      for (const [name, id] of Object.entries(ids))
        if (name in easel.begun[tab].values) put(id, { value: easel.begun[tab].values[name] });
    }
  };
  easel.adapt(window.gradio_config.components);

  /**
   * A form's controls as values by name. gradio calls `hear` after each change, `connect` once it can be filled, `owed`
   * to fill it.
   */
  class Store {
    values = null;                 // as last heard; null: nobody has changed anything
    onHear = () => {};
    #owed = {};
    #fetches = [];      // one of each part of the page that has some of the controls

    hear(names, values) {
      const heard = Object.fromEntries(names.map((name, i) => [name, values[i]]));
      this.values = { ...this.values, ...heard };
      this.onHear(heard);
    }

    connect(fetch) {
      this.#fetches.push(fetch);
      if (Object.keys(this.#owed).length) fetch();
    }

    /** Set some controls, before anything else happens on the page; those of a part not drawn yet once it is. */
    fill(patch) {
      Object.assign(this.#owed, patch);
      for (const fetch of this.#fetches) fetch();
    }

    /** What is to be set, in the order of `names`; undefined changes nothing. */
    owed(names) {
      const owed = names.map((name) => this.#owed[name]);
      for (const name of names) delete this.#owed[name];
      return owed;
    }
  }

  const stores = new Map();
  easel.store = (name) => stores.get(name) ?? stores.set(name, new Store()).get(name);

  // Clicks before the scripts listen are done once they do: `ready(tab)` gives those that waited.
  const ready = new Set();
  let waiting = [];      // { tab, id }
  easel.isReady = (tab) => ready.has(tab);
  easel.ready = (tab) => {
    ready.add(tab);
    const mine = waiting.filter((click) => click.tab === tab);
    waiting = waiting.filter((click) => click.tab !== tab);
    starting(tab, false);
    return [...new Set(mine.map(({ id }) => id))];
  };

  function starting(tab, on) {
    const button = document.getElementById(`${tab}_generate`);
    button?.classList.toggle("starting", on);
    button?.setAttribute("aria-busy", on);
  }

  function hold(tab, id) {
    waiting.push({ tab, id });
    if (id === `${tab}_generate`) starting(tab, true);
  }

  const tabs = Object.keys(facts.forms);
  document.addEventListener("click", ({ target }) => {
    const id = target.closest?.("button[id]")?.id ?? "";
    const tab = { paste: "txt2img", interrogate: "img2img" }[id] ?? tabs.find((name) => id.startsWith(`${name}_`));
    if (tab && !ready.has(tab)) hold(tab, id);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || !(event.ctrlKey || event.metaKey)) return;
    const tab = tabs.find((name) => document.getElementById(`${name}_page`)?.offsetParent);
    if (!tab || ready.has(tab)) return;
    event.preventDefault();
    hold(tab, `${tab}_generate`);
  }, true);
}
