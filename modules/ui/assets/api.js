/**
 * What scripts of extensions may rely on, whatever the page is made of: `import { easel } from "easel"`.
 *
 * Nothing here is removed or changes its meaning within a major version of Easel's API. Tabs are "txt2img" and
 * "img2img". Errors say what there is instead.
 */
const FORMS = ["txt2img", "img2img"];
const MOMENTS = { update: "onUiUpdate", tab: "onUiTabChange", settings: "onOptionsChanged" };
const SLOTS = {
  "after:prompt": (tab) => [`${tab}_prompt_container`, "afterend"],
  "after:generate": (tab) => [`${tab}_actions_column`, "beforeend"],
  "before:settings": (tab) => [`${tab}_settings`, "afterbegin"],
  "after:settings": (tab) => [`${tab}_settings`, "beforeend"],
  "after:results": (tab) => [`${tab}_results`, "beforeend"],
};

const among = (known, name, what) => {
  if (!known.includes(name)) throw new RangeError(`There is no ${what} "${name}". There are: ${known.join(", ")}.`);
  return name;
};
const found = (id) => {
  const element = document.getElementById(id);
  if (!element) throw new Error(`#${id} is not drawn yet: wait for easel.ready.`);
  return element;
};
const box = (tab, negative) =>
  found(`${among(FORMS, tab, "tab")}_${negative ? "neg_" : ""}prompt`).querySelector("textarea");

/** A prompt's text, its caret, and words put in at the caret; each with `{ tab, negative }`. */
const prompt = {
  get: ({ tab = "txt2img", negative = false } = {}) => box(tab, negative).value,
  set(text, { tab = "txt2img", negative = false, caret = text.length } = {}) {
    const area = box(tab, negative);
    area.value = text;
    area.setSelectionRange(caret, caret);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  },
  caret({ tab = "txt2img", negative = false } = {}) {
    const { selectionStart, selectionEnd } = box(tab, negative);
    return { start: selectionStart, end: selectionEnd };
  },
  insert(words, { tab = "txt2img", negative = false } = {}) {
    const text = prompt.get({ tab, negative });
    const { start, end } = prompt.caret({ tab, negative });
    prompt.set(text.slice(0, start) + words + text.slice(end), { tab, negative, caret: start + words.length });
  },
};

/** What a form holds, under the API's names of fields, and filling some of them. */
const form = {
  values(tab = "txt2img") {
    const { begun, store } = window.easel;
    return { ...begun[among(FORMS, tab, "tab")].values, ...store(tab).values };
  },
  fill(fields, tab = "txt2img") {
    const known = Object.keys(form.values(tab));
    for (const name of Object.keys(fields)) among(known, name, "field");
    window.easel.store(tab).fill(fields);
  },
};

export const easel = {
  /** Resolves once the page is drawn and filled: what `prompt`, `form` and `slot` need. */
  ready: document.documentElement.classList.contains("easel-ready")
    ? Promise.resolve()
    : new Promise((resolve) => window.onUiLoaded(() => resolve())),
  prompt,
  form,

  /** The tab in view, of those with a form; null in any other. */
  get tab() { return FORMS.find((name) => document.getElementById(`tab_${name}`)?.offsetParent) ?? null; },

  /** The pictures that a tab shows: { url, infotext, seed }. */
  pictures: (tab = "txt2img") => window.easel.pictures(among(FORMS, tab, "tab")),

  /** A setting's value, an extension's own too; undefined for one that is not there. */
  setting: (name) => window.opts[name],

  /** Call `listener` after the page has changed ("update"), another tab was opened ("tab"), settings were changed. */
  on(moment, listener) {
    window[MOMENTS[among(Object.keys(MOMENTS), moment, "moment")]](listener);
  },

  /** Draw what the form in view says, with these fields otherwise. */
  generate: (fields = {}) => window.easel.generate(fields),

  /** Put an element into a place of a tab that stays where it is called, and return it. */
  slot(name, element, tab = "txt2img") {
    const [id, where] = SLOTS[among(Object.keys(SLOTS), name, "slot")](among(FORMS, tab, "tab"));
    return found(id).insertAdjacentElement(where, element);
  },
};
