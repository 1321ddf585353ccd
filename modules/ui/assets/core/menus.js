// The menus of elements, as A1111's scripts know them: they open on a click of the other button, or a long touch.
import { startLongTouch } from "./long_touch.js";

const entries = new Map();      // number → { selector, name, act }
let newest = 0;

function appendContextMenuOption(selector, name, act) {
  newest += 1;
  entries.set(newest, { selector, name, act });
  return newest;
}

const removeContextMenuOption = (number) => entries.delete(number);

const close = () => document.getElementById("context-menu")?.remove();

function open(event) {
  close();
  const mine = [...entries.values()].filter(({ selector }) => event.target.closest?.(selector));
  if (!mine.length) return;
  event.preventDefault();
  const menu = Object.assign(document.createElement("nav"), { id: "context-menu" });
  menu.style.setProperty("left", `${event.clientX}px`);
  menu.style.setProperty("top", `${event.clientY}px`);
  menu.append(...mine.map(({ name, act }) =>
    Object.assign(document.createElement("button"), { type: "button", textContent: name, onclick: act }),
  ));
  menu.addEventListener("keydown", (key) => keys(key, menu));
  document.body.append(menu);
  const beyond = menu.getBoundingClientRect().right - innerWidth + 8;
  if (beyond > 0) menu.style.setProperty("left", `${Math.max(8, event.clientX - beyond)}px`);
  menu.firstChild.focus({ preventScroll: true });
}

/** ↑ and ↓ go from one to the next, Esc puts the menu away. */
function keys(event, menu) {
  const all = [...menu.children], by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) all.at((all.indexOf(document.activeElement) + by) % all.length).focus();
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Whoever comes first: scripts of extensions are here before the page is. */
export function startMenus() {
  if (window.appendContextMenuOption) return;
  Object.assign(window, { appendContextMenuOption, removeContextMenuOption });
  document.addEventListener("contextmenu", open);
  document.addEventListener("click", close);
  startLongTouch();
}
