// The Library tab, once it is opened; other parts of the page ask for it by the event "easel-library".
import { byId, openTab, t, visible } from "../core/dom.js";
import { LibraryPage } from "./page.js";

let page = null;
let wanted = null;      // what to show once the tab is drawn

/** gradio draws the tab when it is opened. */
function lookAtLibrary() {
  const place = byId("library_page"), seen = visible("library_page") && !document.hidden;
  if (place && seen && !page) page = new LibraryPage();
  if (place && page && page.element.parentElement !== place) place.replaceChildren(page.element);
  page?.look(seen);
  if (page && seen && wanted) {
    page.show(wanted);
    wanted = null;
  }
}

export function startLibrary() {
  window.onUiUpdate(lookAtLibrary);
  window.onUiTabChange(lookAtLibrary);
  document.addEventListener("visibilitychange", lookAtLibrary);
  document.addEventListener("easel-library", ({ detail }) => {
    wanted = detail;
    openTab(t("Library"));
    lookAtLibrary();
  });
}
