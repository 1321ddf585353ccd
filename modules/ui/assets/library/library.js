// The Library tab, once it is opened; other parts of the page ask for it by the event "easel-library".
import { byId, openTab, t, visible } from "../core/dom.js";

let page = null;
let coming = false;
let wanted = null;      // what to show once the tab is drawn

/** gradio draws the tab when it is opened; its scripts come then, too. */
async function bringPage() {
  coming = true;
  try {
    const { LibraryPage } = await import("./page.js");
    page = new LibraryPage();
  } finally {
    coming = false;
  }
  lookAtLibrary();
}

function lookAtLibrary() {
  const place = byId("library_page"), seen = visible("library_page") && !document.hidden;
  if (place && seen && !page && !coming) bringPage();
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
