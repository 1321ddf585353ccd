// The open tab in the page's address, behind "#": a reload comes back to it, back and forward go from tab to tab.
import { openTab } from "./dom.js";

const USUAL = "txt2img";      // the tab of an address that names none

let awaited = null;      // the tab that is being opened because the address names it

function named() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || USUAL;
  } catch {      // "#50%" names no tab
    return USUAL;
  }
}

const current = () => window.get_uiCurrentTab()?.dataset.tabId ?? "";

/** The page's own tabs, by the name that gradio has for them; those inside a tab come after it. */
function labelOf(name) {
  const tabs = window.easel.page.components.filter(({ type }) => type === "tabitem");
  const isIt = ({ id, visible, elem_id: element }) => id === name && visible !== false && element?.startsWith("tab_");
  return tabs.find(({ props }) => isIt(props))?.props.label;
}

/** Opens what the address names; a name that is none stays there, and changes nothing. */
function follow() {
  const name = named(), label = labelOf(name);
  if (!label || name === current()) return;
  awaited = name;
  openTab(label);
}

/** Another tab is open: one more step of the browser's history. */
function record() {
  const name = current();
  if (awaited && name !== awaited) return;
  awaited = null;
  if (!name || name === named()) return;
  const plain = location.pathname + location.search;
  history.pushState(null, "", name === USUAL ? plain : `#${encodeURIComponent(name)}`);
}

export function startAddress() {
  window.onUiTabChange(record);
  addEventListener("popstate", follow);
  follow();
}
