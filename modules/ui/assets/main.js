// Starts everything once gradio has drawn the page.
import { startActions } from "./actions.js";
import { byId, debounced, pause } from "./dom.js";
import { startDrops } from "./drop.js";
import { form } from "./form.js";
import { startOverrides } from "./infotext.js";
import { job } from "./job.js";
import { meetServer, watchServer } from "./model.js";
import { pngInfo } from "./pnginfo.js";
import { startPrompts } from "./prompt.js";
import { results } from "./results.js";
import { startSettings } from "./settings.js";

const NEEDED = ["txt2img_fill", "txt2img_submit", "txt2img_gallery", "html_info_txt2img", "txt2img_prompt", "quicksettings"];

async function start() {
  while (!NEEDED.every(byId)) await pause(30);
  window.easel.theme.apply();
  results.start();
  startOverrides();
  startPrompts();
  startActions();
  startDrops();
  form.restore();
  job.resume();
  watchPage();
  await meetServer();
  await form.settled();      // what is typed from here on is not overtaken by the model's defaults
  watchServer();
  document.documentElement.classList.add("easel-ready");
  window.easel.tell("loaded");
}

/** A1111's moments for other scripts, and tabs that gradio draws only when they are opened. */
function watchPage() {
  let tab = null;
  const after = debounced(() => window.easel.tell("afterUpdate"), 200);
  const look = debounced((changes) => {
    pngInfo.start();
    startSettings();
    window.easel.tell("update", changes);
    after();
    const now = window.get_uiCurrentTab();
    if (now !== tab) { tab = now; window.easel.tell("tabChange"); }
  }, 30);
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look([]);
}

start();
