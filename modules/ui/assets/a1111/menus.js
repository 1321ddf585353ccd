// Entries that scripts add to the menu of an element: it opens on a click of the other button.

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
  menu.style.setProperty("left", `${event.pageX}px`);
  menu.style.setProperty("top", `${event.pageY}px`);
  menu.append(...mine.map(({ name, act }) =>
    Object.assign(document.createElement("button"), { type: "button", textContent: name, onclick: act }),
  ));
  document.body.append(menu);
}

export function startMenus() {
  Object.assign(window, { appendContextMenuOption, removeContextMenuOption });
  document.addEventListener("contextmenu", open);
  document.addEventListener("click", close);
}
