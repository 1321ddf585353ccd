// Before anything is drawn: the theme that was chosen on Easel's page, else the browser's.
"use strict";

{
  let chosen = null;
  try { chosen = localStorage.getItem("easel.theme"); } catch { /* storage may be forbidden */ }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => { document.documentElement.dataset.theme = chosen || (dark.matches ? "dark" : "light"); };
  dark.addEventListener("change", apply);
  apply();
}
