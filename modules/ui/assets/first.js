// Runs before the first paint: the theme, A1111's globals that other scripts expect, and a place for ours.
"use strict";

window.easel = { facts: JSON.parse(document.getElementById("easel_facts").textContent) };

window.easel.theme = {
  get wanted() {
    let chosen = null;
    try { chosen = localStorage.getItem("easel.theme"); } catch { /* storage may be forbidden */ }
    return chosen || window.easel.facts.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  },
  apply() {
    document.documentElement.dataset.theme = this.wanted;
    document.body?.classList.toggle("dark", this.wanted === "dark");
  },
  toggle() {
    const other = this.wanted === "dark" ? "light" : "dark";
    try { localStorage.setItem("easel.theme", other); } catch { /* then until the next reload */ window.easel.facts.theme = other; }
    this.apply();
  },
};
window.easel.theme.apply();
document.addEventListener("DOMContentLoaded", () => window.easel.theme.apply());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.easel.theme.apply());

// A1111's surface for scripts of extensions and users.
window.opts = { ...window.easel.facts.settings };
window.gradioApp = () => document;
window.get_uiCurrentTab = () => document.querySelector("#tabs button[role=tab][aria-selected=true]");
window.get_uiCurrentTabContent = () => document.querySelector("#tabs > [role=tabpanel]:not([style*='display: none'])");
window.updateInput = (target) => target.dispatchEvent(new Event("input", { bubbles: true }));

for (const [name, moment] of Object.entries({
  onUiLoaded: "loaded", onUiUpdate: "update", onAfterUiUpdate: "afterUpdate", onUiTabChange: "tabChange", onOptionsChanged: "options",
})) {
  window[name] = (listener) => (window.easel.listeners[moment] ??= []).push(listener);
}
window.easel.listeners = {};
window.easel.tell = (moment, ...details) => {
  for (const listener of window.easel.listeners[moment] ?? []) {
    try { listener(...details); } catch (error) { console.error(`A listener of "${moment}" failed`, error); }
  }
};
