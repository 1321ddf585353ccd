// gradio draws tabs and folds when they are opened; scripts for A1111 look once, when the page has come.

const SHOWN = "[role=tab]", IN_MENU = ".overflow-dropdown button";      // a tab is where the window's width puts it
const LONGEST_WAIT = 4000;      // ms for a tab to be drawn
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** Open everything once, unseen, and leave it as it was. */
export async function openAll() {
  const root = document.documentElement;
  const { tell } = window.easel;
  window.easel.tell = (moment, ...details) => { if (moment !== "tabChange") tell(moment, ...details); };
  root.classList.add("easel-drawing");
  try {
    await openTabs(document.getElementById("tabs"));
  } finally {
    root.classList.remove("easel-drawing");
    window.easel.tell = tell;
  }
}

/** Open each tab of `tabs`, and what is in it. */
async function openTabs(tabs) {
  const buttons = [...tabs.querySelectorAll(`:scope > .tab-wrapper :is(${SHOWN}, ${IN_MENU})`)];
  const open = buttons.find(isSelected);
  for (const button of buttons) {
    button.click();
    const panel = await drawn(tabs, button);
    if (panel) await openWithin(panel);
  }
  open?.click();
  await frame();
}

const isSelected = (button) => button.matches("[aria-selected=true], .selected");

/** The panel of one of `tabs`; one without an id, or in the menu, does not name its own: that is the one shown then. */
function panelOf(tabs, button) {
  const id = button.getAttribute("aria-controls");
  if (id) return document.getElementById(id);
  return isSelected(button) ? tabs.querySelector(":scope > [role=tabpanel]:not([style*='display: none'])") : null;
}

/** Resolves with the panel of a tab once something is in it, or with null. */
async function drawn(tabs, button) {
  const until = performance.now() + LONGEST_WAIT;
  while (performance.now() < until) {
    await frame();
    const panel = panelOf(tabs, button);
    if (panel?.querySelector(".block, .row, .form, button")) return panel;
  }
  return null;
}

async function openWithin(panel) {
  await openFolds(panel);
  const isDirect = (tabs) => tabs.parentElement.closest(".tabitem") === panel;
  for (const tabs of [...panel.querySelectorAll(".tabs")].filter(isDirect)) await openTabs(tabs);
}

async function openFolds(panel) {
  const folds = [...panel.querySelectorAll("button.label-wrap:not(.open)")];
  for (const fold of folds) fold.click();
  if (!folds.length) return;
  await frame();
  await frame();
  for (const fold of folds) if (fold.classList.contains("open")) fold.click();      // gradio closes some by itself
}
