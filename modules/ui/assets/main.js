// Starts everything once gradio has drawn the page.
import { startAccountMenu } from "./core/account_menu.js";
import { startAddress } from "./core/address.js";
import { showProblems } from "./core/choices.js";
import { byId, debounced, facts, h, pause } from "./core/dom.js";
import "./core/dropdowns.js";
import "./core/growing.js";
import { describeControls, startHelp } from "./core/help.js";
import { startLanguages } from "./core/language.js";
import { watchTabRows } from "./core/tab_rows.js";
import { startActions, startListening } from "./generation/actions.js";
import { startPageAnchors } from "./generation/anchors.js";
import { startMarks } from "./generation/marks.js";
import { startNotices } from "./generation/notify.js";
import { startQuickList } from "./generation/quick_list.js";
import { meetServer, showEditing, watchServer } from "./generation/server_status.js";
import { startTab } from "./generation/tab.js";
import { waiting } from "./generation/tabs.js";
import { startLibrary } from "./library/library.js";
import { startQueue } from "./queue/queue.js";
import { startDrops } from "./tabs/drop.js";
import { startExtras } from "./tabs/extras.js";
import { pngInfo } from "./tabs/png_info.js";

/** Tabs whose scripts come once they are drawn: an element of each, and what starts it, called again and again. */
const LATER = {
  modelmerger_merge: async () => (await import("./tabs/merger.js")).startMerger(),
  settings_search: async () => (await import("./tabs/settings.js")).startSettings(),
  extensions_page: async () => (await import("./extensions/page.js")).startExtensions(),
  pnginfo_image: async () => (await import("./tabs/png_info_page.js")).start(),
  training_page: async () => (await import("./training/page.js")).startTraining(),
};
const pictures = async () => (await import("./img2img/img2img.js")).startImages;

/** What a tab that makes pictures has and others have not. */
const OWN = { img2img: pictures, extras: () => startExtras };

async function startPage() {
  while (!byId("quicksettings") || !waiting().includes("txt2img")) await pause(30);
  window.easel.theme.apply();
  startAddress();
  startNotices();
  startQuickList();
  byId("quicksettings").before(h("h1.unseen", {}, facts.title));      // where a screen reader's list of headings begins
  showProblems(facts.start);
  startHelp();
  startMarks();
  showEditing(facts.start);
  startLanguages();
  startAccountMenu();
  startActions();
  startPageAnchors();
  startDrops();
  pngInfo.startListening();
  const queue = startQueue();
  startLibrary();
  const tab = startTab("txt2img");
  watchPage();
  watchServer(await begin(tab));
  // scripts of extensions look for all of the page at its start
  if (facts.extensions) await Promise.all([queue, pictures(), ...Object.values(LATER).map((start) => start())]);
  await window.easel.beforeLoaded?.();      // where an extension is (a1111/main.js)
  document.documentElement.classList.add("easel-ready");
  window.easel.tell("loaded");
}

const begun = new Set();

/** Start the tabs that make pictures which gradio has drawn by now, each once. */
function beginTabs() {
  for (const name of waiting().filter((each) => !begun.has(each))) {
    begun.add(name);
    begin(startWhole(name));
  }
}

async function startWhole(name) {
  try {
    return startTab(name, await OWN[name]?.());
  } catch (error) {
    begun.delete(name);
    throw error;
  }
}

/** A tab takes its model's defaults, and then what was clicked while it could not listen. */
async function begin(starting) {
  const tab = await starting;
  const state = await meetServer(true);
  startListening(tab);
  return state;
}

/** A1111's moments for other scripts, and tabs that gradio draws only when they are opened. */
function watchPage() {
  let tab = null;
  const after = debounced(() => window.easel.tell("afterUpdate"), 200);
  const look = debounced((changes) => {
    describeControls();
    watchTabRows();
    startPageAnchors();
    for (const [id, start] of Object.entries(LATER)) if (byId(id)) start();
    beginTabs();
    window.easel.tell("update", changes);
    after();
    const now = window.get_uiCurrentTab();
    if (now !== tab) { tab = now; window.easel.tell("tabChange"); }
  }, 30);
  new MutationObserver(look).observe(document.body, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["aria-selected"],
  });
  look([]);
}

startPage();
