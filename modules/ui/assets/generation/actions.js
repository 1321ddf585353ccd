// Buttons and shortcuts of the tabs that make pictures.
import { lookAgain } from "../core/choices.js";
import { byId, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { writeStyles } from "../styles/write.js";
import { interrogate } from "./interrogate.js";
import { pasteInfotext } from "./paste.js";
import { sendTo } from "./send_to.js";
import { inView, tabs } from "./tabs.js";
import { openMenu } from "./variants.js";

/** For other scripts: Generate in the tab that is looked at, `patch` filled in first. */
window.easel.generate = (patch) => inView().generate(patch);
window.easel.sendTo = sendTo;
window.easel.pictures = (tab) =>
  (tabs.get(tab)?.results.all ?? []).filter(({ whole }) => whole)
    .map(({ url, infotext = "", seed = null }) => ({ url, infotext, seed }));

const CLICKS = {
  generate: (tab) => tab.generate(),
  add: (tab) => tab.add(),
  interrupt: (tab) => tab.job.interrupt(),
  skip: (tab) => tab.job.skip(),
  restore_progress: (tab) => tab.job.newest(),
  clear_prompt: (tab) => tab.form.fill({ prompt: "", negative_prompt: "" }),
  res_switch_btn: swap,
  random_seed: (tab) => tab.form.fill({ seed: -1 }),
  random_subseed: (tab) => tab.form.fill({ subseed: -1 }),
  reuse_seed: (tab) => reuse(tab, "Seed", "seed"),
  reuse_subseed: (tab) => reuse(tab, "Variation seed", "subseed"),
  detect_image_size_btn: (tab) => tab.detectSize?.(),
  paste,
  interrogate,
  generate_menu: openMenu,
  style_apply: (tab) => writeStyles(tab.form),
  wildcards: openWildcards,
  styles_edit_button: openStyles,
};

// A1111's names of buttons that do not begin with their tab's
const NAMES = { paste: "txt2img_paste", interrogate: "img2img_interrogate" };

/** Dialogs come when they are first opened, and stay. */
async function openWildcards(tab) {
  const { WildcardsDialog } = await import("../wildcards/wildcards.js");
  tab.wildcards ??= new WildcardsDialog(tab.form);
  tab.wildcards.open();
}

async function openStyles(tab) {
  const { StylesDialog } = await import("../styles/styles.js");
  tab.styles ??= new StylesDialog({ form: tab.form, newest: () => tab.newest() });
  tab.styles.open();
}

/** Take a figure from the shown picture's generation data. */
function reuse({ form, results }, key, field) {
  const infotext = results.picture?.infotext ?? "";
  const found = new RegExp(`(?:^|, )${key}: (\\d+)`, "m").exec(infotext.split("\n").at(-1));
  if (found) form.fill({ [field]: found[1] });
  else notice("seed", results.picture ? t("The picture has no such seed.") : t("There is no picture yet."));
}

async function swap({ form }) {
  const { width, height } = await form.now();
  form.fill({ width: height, height: width });
}

async function paste({ form, results }) {
  const text = (await form.now()).prompt || results.picture?.infotext || "";
  if (text) await pasteInfotext(text, form);
  else notice("paste", t("Paste generation data into the prompt first, or choose a picture."));
}

export function startActions() {
  byId("easel_quick_more").setAttribute("aria-expanded", false);
  document.addEventListener("click", click);
  document.addEventListener("keydown", shortcut);
}

const MEANINGS = {
  _generate: "Draw what the form says (Ctrl+Enter)",
  _interrupt: "Stop this job; finished pictures stay (Esc)",
  _skip: "Leave out the picture that is being drawn and go on with the next (Alt+Enter)",
};

/** Buttons show an icon; their text is the tooltip. */
export function nameTools() {
  for (const button of document.querySelectorAll("button.tool:not([title])")) button.title = button.textContent.trim();
  for (const [ending, says] of Object.entries(MEANINGS)) {
    for (const button of document.querySelectorAll(`button[id$="${ending}"]:not([title])`)) button.title = t(says);
  }
}

function click(event) {
  const own = event.target.closest?.("button[id]")?.id ?? "";
  const id = NAMES[own] ?? own;
  if (id === "easel_theme") return window.easel.theme.toggle();
  if (id === "refresh_sd_model_checkpoint") return lookAgain();
  if (id === "easel_quick_more") return unfold(byId(id));
  const tab = tabs.get(id.slice(0, id.indexOf("_")));
  if (tab && window.easel.isReady(tab.tab)) act(tab, id);
}

/** On a phone: the rest of the first row. */
function unfold(button) {
  button.setAttribute("aria-expanded", byId("quicksettings").classList.toggle("unfolded"));
}

function act(tab, id) {
  CLICKS[id.slice(tab.tab.length + 1)]?.(tab);
}

/** The tab may be used from here on; what was clicked too early is done now. */
export function startListening(tab) {
  for (const id of window.easel.ready(tab.tab)) act(tab, NAMES[id] ?? id);
}

function shortcut(event) {
  const tab = inView();
  if (!tab || !window.easel.isReady(tab.tab) || document.querySelector("dialog[open]")) return;
  const enter = event.key === "Enter" && !event.shiftKey;
  if (isAdding(event)) take(event, () => tab.add());
  else if (enter && (event.ctrlKey || event.metaKey)) take(event, () => tab.generate());
  else if (enter && event.altKey) take(event, () => tab.job.skip());
  else if (event.key === "Escape" && tab.job.running && !event.target.matches?.("[role=combobox]"))
    take(event, () => tab.job.interrupt());
}

const isAdding = ({ key, shiftKey, ctrlKey, metaKey, altKey, isComposing }) =>
  key === "Enter" && shiftKey && !ctrlKey && !metaKey && !altKey && !isComposing;

function take(event, action) {
  event.preventDefault();
  action();
}
