// Small helpers: elements, words, figures.
export const facts = window.easel.facts;

/** gradio's description of a control, by its id: { type, props }. */
export const described = (id) => window.easel.page.components.find(({ props }) => props.elem_id === id);

export const byId = (id) => document.getElementById(id);

/** Is it there, in a tab that is open? */
export const visible = (id) => Boolean(byId(id)?.offsetParent);

/** Open one of the page's tabs by its title, also one that a narrow window has among "More tabs". */
export function openTab(title) {
  const shown = t(title);
  const buttons = document.querySelectorAll("#tabs > .tab-wrapper :is([role=tab], .overflow-dropdown button)");
  [...buttons].find((button) => [title, shown].includes(button.textContent.trim()))?.click();
}

/**
 * t: a text as shown, translated if the table knows it, {gaps} filled in; told: what the server says in English, the
 * same way (app/wording.js).
 */
export const { t, told } = window.wording;

const LOCALE = window.wording.locale();

/** Numbers and moments as people write them in the page's language. */
export const number = (value) => value.toLocaleString(LOCALE);
export const moment = (date, how = {}) => date.toLocaleString(LOCALE, how);

const attributeOf = (name) => name.replace(/^aria([A-Z])/, (_, letter) => `aria-${letter.toLowerCase()}`);

/** An element: h("button.tool", { onclick }, "text", child …). Text is never read as HTML. */
export function h(kind, properties = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && !name.startsWith("aria")) element[name] = value;
    else if (value !== null && value !== undefined) element.setAttribute(attributeOf(name), value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Scroll an element into view, at once for whoever wants no motion. where: as of scrollIntoView */
export function bringIntoView(element, where = { block: "nearest" }) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ ...where, behavior: still ? "auto" : "smooth" });
}

const FOCUSABLE = "button, a[href], input, select, textarea, summary";

/** New children for an element; the focus stays where it was among them. */
export function replaceKeepingFocus(element, children) {
  const at = [...element.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  element.replaceChildren(...children);
  if (at >= 0) element.querySelectorAll(FOCUSABLE)[at]?.focus({ preventScroll: true });
}

/** A picture whose file cannot be fetched: what holds it shows a sign instead, as "gone" in the styles. */
export const markGone = (image) => image.parentElement?.classList.add("gone");

export const iconButton = (icon, name, onclick) =>
  h("button.tool." + icon, { type: "button", title: name, onclick }, name);

/** 75 → "1:15", 7.4 → "7 s". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return t("{n} s", { n: whole });
  const minutes = Math.floor(whole / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return minutes < 60
    ? `${minutes}:${rest}`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

export function debounced(action, wait) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), wait);
  };
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {      // plain http beyond this computer has no clipboard API
    const box = h("textarea", { value: text, ariaHidden: "true" });
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
}
