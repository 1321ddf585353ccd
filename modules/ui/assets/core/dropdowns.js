// gradio's lists as one expects them: typing searches, a click opens again what Esc has closed, Tab leaves nothing
// open.
const isList = (element) => Boolean(element?.matches?.("input[role=combobox]"));
let entered = null;      // the list that the pointer is just moving the focus to

document.addEventListener(
  "pointerdown",
  ({ target }) => {
    entered = isList(target) && target !== document.activeElement ? target : null;
  },
  true,
);

document.addEventListener("focusin", ({ target }) => { if (isList(target)) target.select(); });

document.addEventListener("click", ({ target }) => {
  if (!isList(target)) return;
  if (target === entered) target.select();      // the press has set a caret
  else if (target.getAttribute("aria-expanded") === "false") openAgain(target);
  entered = null;
});

/** gradio opens a list when it gets the focus; what was chosen, for what was typed, it writes a moment later. */
function openAgain(list) {
  list.blur();
  list.focus();
  requestAnimationFrame(() => { if (list === document.activeElement) list.select(); });
}

// Any key but Esc opens gradio's list, and Tab does so after the focus has left; an open list, which scrolls, would
// take the focus and vanish with it.
window.addEventListener("keydown", (event) => {
  if (event.key !== "Tab" || !isList(event.target)) return;
  event.stopPropagation();
  for (const list of document.querySelectorAll("ul[role=listbox]")) list.tabIndex = -1;
}, true);
