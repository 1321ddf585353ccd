// Before anything is drawn: the theme that was chosen on Easel's page, else the browser's; and the page in its
// language.
"use strict";

{
  let chosen = null;
  try { chosen = localStorage.getItem("easel.theme"); } catch { /* storage may be forbidden */ }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => { document.documentElement.dataset.theme = chosen || (dark.matches ? "dark" : "light"); };
  dark.addEventListener("change", apply);
  apply();
}

document.addEventListener("DOMContentLoaded", () => {
  const { t } = window.wording;
  const shown = (text) => text.replace(/\S(?:[^]*\S)?/, (whole) => t(whole.replace(/\s+/g, " ")));
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = shown(texts.currentNode.data);
  for (const element of document.querySelectorAll("[placeholder]")) element.placeholder = t(element.placeholder);
  document.title = shown(document.title.replace(/ – Easel$/, "")) + " – Easel";
});

// A form that is sent before its module runs waits for it (common.js, onSubmit). The browser itself must not send it:
// what was typed, passwords too, would be lost or stand in the address.
document.addEventListener("submit", (event) => {
  event.preventDefault();
  event.target.toggleAttribute("data-sent-early", !event.target.onsubmit);
}, true);
