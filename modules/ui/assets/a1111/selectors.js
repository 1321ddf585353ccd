// gradioApp(): the page's element, with selectors of gradio 3 translated to what gradio 6 draws.

/** A1111's ids of what has another one here. */
const OTHER_IDS = {
  script_list: "txt2img_script_list",
  "txt2img_hr-checkbox": "txt2img_enable_hr",
};

const idHere = (id) => (Object.hasOwn(OTHER_IDS, id) ? OTHER_IDS[id] : id);

/** The parts of a gallery: its large picture, its closing button, its thumbnails. */
const IN_GALLERIES = [
  [/\bdiv\.preview\b/g, ".preview"],
  [/\.preview\s*>\s*img\b/g, ".preview > .media-button > img"],
  [/\.preview\s*>\s*div\s*>\s*button\[class\^="svelte"\]/g, ".preview > .icon-button-wrapper > button:last-child"],
  [/\.grid-container\s*>\s*button\b/g, ".grid-container > .gallery-item > button"],
];

/** Pattern → replacement; each is applied in turn. */
const TRANSLATIONS = [
  [/>\s*label\s*>\s*(textarea|input)\b/g, " label $1"],
  [/(#tabs)\s*>\s*div\s*>\s*button\b/g, "$1 > .tab-wrapper [role=tab]"],
  [/>\s*\.tab-nav\s*>\s*button\b/g, "> .tab-wrapper [role=tab]"],
  [/>\s*\.tab-nav\b/g, "> .tab-wrapper > [role=tablist]"],
  [/\.tab-nav\b/g, "[role=tablist]"],
  ...IN_GALLERIES,
  [/#([\w-]+)/g, (_, id) => `#${idHere(id)}`],
  [/(^|[\s>+~,(])\.svelte-\w+/g, "$1*"],
  [/\.svelte-\w+/g, ""],
];

/** A selector as this page understands it. */
export const translated = (selector) =>
  TRANSLATIONS.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), String(selector));

export function startSelectors() {
  const app = document.querySelector("gradio-app") ?? document.body;
  app.getElementById = (id) => document.getElementById(idHere(id));
  translateWithin(app);
  window.gradioApp = () => app;
  window.onUiUpdate(nameComponents);
}

/** Let an element take selectors of gradio 3. */
function translateWithin(element) {
  const { querySelector, querySelectorAll } = Element.prototype;
  element.querySelector = (selector) => querySelector.call(element, translated(selector));
  element.querySelectorAll = (selector) => querySelectorAll.call(element, translated(selector));
}

/** gradio 3 marked each component with its kind, .gradio-textbox, .gradio-slider …, and the buttons of tabs. */
function nameComponents() {
  for (const { type, props } of window.easel.page.components) {
    const element = props.elem_id ? document.getElementById(props.elem_id) : null;
    element?.classList.add(`gradio-${type}`);
    if (element && type === "gallery" && !Object.hasOwn(element, "querySelector")) translateWithin(element);
  }
  for (const list of document.querySelectorAll(".tab-wrapper > [role=tablist]")) list.classList.add("tab-nav");
}
