// Starts everything once gradio has drawn the page.
import { byId, debounced, pause } from "./core/dom.js";
import "./core/dropdowns.js";
import { startActions, startListening } from "./generation/actions.js";
import { meetServer, watchServer } from "./generation/server_status.js";
import { startPanel } from "./generation/tab.js";
import { waiting } from "./generation/tabs.js";
import { startDrops } from "./tabs/drop.js";
import "./tabs/merger.js";
import { pngInfo } from "./tabs/png_info.js";
import { startSettings } from "./tabs/settings.js";

async function startPage() {
  while (!byId("quicksettings") || !waiting().includes("txt2img")) await pause(30);
  window.easel.theme.apply();
  startActions();
  startDrops();
  const panel = startPanel("txt2img");
  watchPage();
  await begin(panel);
  watchServer();
  document.documentElement.classList.add("easel-ready");
  window.easel.tell("loaded");
}

/** A tab takes its model's defaults, and then what was clicked while it could not listen. */
async function begin(starting) {
  const panel = await starting;
  await meetServer(true);
  startListening(panel);
}

/** A1111's moments for other scripts, and tabs that gradio draws only when they are opened. */
function watchPage() {
  let tab = null;
  const after = debounced(() => window.easel.tell("afterUpdate"), 200);
  const look = debounced((changes) => {
    pngInfo.start();
    startSettings();
    for (const found of waiting()) begin(startPanel(found));
    window.easel.tell("update", changes);
    after();
    const now = window.get_uiCurrentTab();
    if (now !== tab) { tab = now; window.easel.tell("tabChange"); }
  }, 30);
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
  look([]);
}

startPage();
