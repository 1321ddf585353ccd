// A tab's form as values by name. gradio draws the controls; each change of them is heard, and any can be set (Store in
// core/boot.js).
import { byId, facts, pause } from "../core/dom.js";
import { SharedDraft } from "../core/shared_draft.js";

// kept apart (model_choice.js), and pictures
const REMEMBER_NOT = new Set([
  ...facts.quick,
  "init_images",
  "mask",
  "images",
  "infotexts",
  "batch_source",
  "batch_sent",
  "control",
  "detailer",
  "detailer_only",
  "regions",
]);

const PROMPT_FIELDS = ["prompt", "negative_prompt"];

/** Are two values of a control the same? gradio may give a number back as a text, and nothing as an empty one. */
export const same = (a, b) => JSON.stringify(a ?? "") === JSON.stringify(b ?? "") || String(a) === String(b);

/** A seed is text for gradio: it may be larger than a number can hold. */
const fitting = (name, value) => (/^(sub)?seed$/.test(name) && value !== null ? String(value) : value);

/** What a form is made of that makes pictures: ids and names as in the page's facts, values as it begins. */
export const formOf = (tab) => ({ ids: facts.forms[tab].ids, ...window.easel.begun[tab] });

/**
 * What the controls of extensions' scripts hold, by title, once somebody has changed one; until then they are as their
 * extensions made them, which the server knows.
 */
function extensionValues(tab) {
  const held = window.easel.store(`${tab}_extensions`).values;
  const scripts = held ? facts.extensions[tab] : [];
  return Object.fromEntries(scripts.map(({ title, controls }) => [title, controls.map((name) => held[name] ?? null)]));
}

/** Arguments by name, of a script or an extension whose controls have these ids. */
const byArgument = (ids, values) => Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, values[id]]));

export class Form {
  /** ids: element ids of the controls by name; values: of these, and of fields without a control, which the scripts
   * fill
   *
   * base: what untouched fields hold, the model's defaults; key: the name under which the browser remembers the form,
   * if it does
   */
  constructor(tab, { ids, values, base, key = null }) {
    Object.assign(this, {
      tab,
      ids,
      base,
      values: { override_settings: {}, ...values },
      asked: {},
      listeners: [],
    });
    this.store = window.easel.store(tab);
    if (this.store.values) this.take(this.store.values);      // typed before the scripts listened
    this.store.onHear = (heard) => { this.take(heard); this.changed(); };
    if (key) this.shared = new SharedDraft(key, { put: ({ values }) => this.fill(values), now: () => this.memory() });
  }

  get(name) { return this.values[name]; }

  /** What a field holds that nobody touched. */
  usual(name) { return this.base[name]; }

  /** `listener(values)` is called at each change, and now if something was typed before the scripts listened. */
  onChange(listener) {
    this.listeners.push(listener);
    if (this.store.values) listener(this.values);
  }

  /** Set some fields; names that the form does not have are ignored. */
  fill(patch) {
    const known = this.known(patch);
    this.values = { ...this.values, ...known };
    this.store.fill(Object.fromEntries(Object.entries(known).filter(([name]) => name in this.ids)));
    this.changed();
  }

  /** The part of `patch` that the form has fields for. */
  known(patch) {
    return Object.fromEntries(Object.entries(patch)
      .filter(([name]) => name in this.values)
      .map(([name, value]) => [name, fitting(name, value)]));
  }

  /**
   * The same for fields that somebody wants as they are: while they hold that they follow no model, not even from its
   * defaults.
   */
  ask(patch) {
    this.asked = { ...this.asked, ...patch };
    this.fill(patch);
  }

  /**
   * The values of this moment: what a control has just been given is heard once the current turn of the page is over.
   */
  async now() {
    await pause(0);
    return this.values;
  }

  /** The prompts as their boxes show them at this moment, heard or not: field → text. */
  shown() {
    const boxes = PROMPT_FIELDS.map((name) => [name, byId(this.ids[name])?.querySelector("textarea")]);
    return Object.fromEntries(boxes.flatMap(([name, box]) => (box ? [[name, box.value]] : [])));
  }

  /** The model has other defaults: fields that nobody changed follow, save one that somebody is in. */
  async followDefaults(defaults) {
    await this.now();
    const patch = this.following(defaults);
    this.base = { ...this.base, ...defaults };
    if (Object.keys(patch).length) this.fill(patch);
  }

  following(defaults) {
    const follows = ([name, value]) =>
      name in this.values &&
      same(this.values[name], this.base[name]) &&
      !same(this.values[name], value) &&
      !this.inUse(name) &&
      !(name in this.asked && same(this.values[name], this.asked[name]));
    return Object.fromEntries(Object.entries(defaults).filter(follows));
  }

  inUse(name) { return Boolean(byId(this.ids[name])?.contains(document.activeElement)); }

  /** What differs from the defaults it follows: name → value. */
  edited() {
    return Object.fromEntries(
      Object.entries(this.values).filter(([name, value]) => name in this.base && !same(value, this.base[name])),
    );
  }

  /**
   * The body of POST /easel/v1/jobs: fields and settings by name, the chosen script's arguments by theirs. patch: what
   * it has otherwise than the form, which stays as it is
   */
  request(patch = {}) {
    const { script_name: script, override_settings: settings, ...values } = { ...this.values, ...this.known(patch) };
    const scripts = facts.scripts[this.tab],
      own = facts.arguments[this.tab],
      apart = new Set([
        ...facts.quick, ...[scripts, own].flatMap(Object.values).flatMap((each) => Object.values(each)),
      ]);
    const given = Object.entries(own).map(([name, ids]) => [name, byArgument(ids, values)]);
    const fields = {
      ...Object.fromEntries(Object.entries(values).filter(([name]) => !apart.has(name))),
      ...(given.length ? { extensions: Object.fromEntries(given) } : {}),
    };
    return {
      kind: this.tab,
      fields: script && !scripts[script] ? { ...fields, script_name: script } : fields,      // an extension's
      settings: { ...Object.fromEntries(facts.quick.map((name) => [name, values[name]])), ...settings },
      extensions: extensionValues(this.tab),
      script: scripts[script]
        ? {
            name: script,
            arguments: byArgument(scripts[script], values),
          }
        : null,
    };
  }

  take(heard) {
    this.values = { ...this.values, ...heard };
  }

  changed() {
    this.shared?.changed();
    for (const listener of this.listeners) listener(this.values);
  }

  /** What outlives the page. */
  memory() {
    const values = Object.fromEntries(Object.entries(this.values).filter(([name]) => !REMEMBER_NOT.has(name)));
    return { values, base: this.base };
  }
}
