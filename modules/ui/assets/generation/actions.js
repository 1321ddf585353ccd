// Buttons and shortcuts of the tabs that make pictures.
import { byId, pause, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { server } from "../core/server.js";
import { pasteInfotext } from "./paste.js";
import { inView, panels } from "./tabs.js";

const TWICE = 1000;      // ms within which a second click, before an answer, is a slip of the finger

/** Submits the form of a panel as it stands, `patch` filled in first, and resolves with the answer. A job that runs is interrupted. */
export function createGenerate(panel) {
  let submitted = -TWICE;
  let tell = () => {};      // whoever waits for the answer
  panel.answered = (reply) => {
    submitted = -TWICE;
    tell();
    if (reply?.job) panel.job.follow(reply.job, true);
    else panel.results.refuse(reply?.error ?? {});
  };
  return async function generate(patch = {}) {
    if (performance.now() - submitted < TWICE) return;
    submitted = performance.now();
    if (panel.job.running) {
      panel.job.interrupt();
      while (panel.job.running) await pause(50);
    }
    if (Object.keys(patch).length) panel.form.fill(patch);
    panel.results.clear();
    busy(true);
    try {
      await pause(0);                // that it is busy is drawn before the work begins
      await panel.prepare?.();       // pictures go to the server first
      await server.state("");         // gradio waits in silence for a server that is gone
      await panel.form.now();        // what was filled in last has reached it
      await pause(50);
      const answer = new Promise((resolve) => { tell = resolve; });
      byId(`${panel.tab}_submit`).click();
      await answer;
    } catch (error) {
      if (error.reply) panel.answered({ error: error.reply });
      else window.easel.unanswered(panel.tab);
    } finally {
      busy(false);
    }
  };

  function busy(is) {
    byId(`${panel.tab}_generate`).classList.toggle("starting", is);
    byId(`${panel.tab}_generate`).setAttribute("aria-busy", is);
    panel.results.prepare(is ? panel.sends?.() ?? "" : "");
  }
}

// gradio's answer to a submit.
window.easel.generate = (patch) => inView().generate(patch);
window.easel.answered = (tab, reply) => panels.get(tab)?.answered(reply);
window.easel.unanswered = (tab) => window.easel.answered(tab, { error: {
  message: t("The server did not answer."), hint: t("Is it still running? Nothing you typed is lost: press Generate again."), error: "unreachable",
} });

const CLICKS = {
  generate: (panel) => panel.generate(),
  interrupt: (panel) => panel.job.interrupt(),
  skip: (panel) => panel.job.skip(),
  restore_progress: (panel) => panel.job.newest(),
  clear_prompt: (panel) => panel.form.fill({ prompt: "", negative_prompt: "" }),
  res_switch_btn: swap,
  random_seed: (panel) => panel.form.fill({ seed: -1 }),
  random_subseed: (panel) => panel.form.fill({ subseed: -1 }),
  reuse_seed: (panel) => reuse(panel, "Seed", "seed"),
  reuse_subseed: (panel) => reuse(panel, "Variation seed", "subseed"),
  detect_image_size_btn: (panel) => panel.detectSize?.(),
  paste,
};

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
  const id = own === "paste" ? "txt2img_paste" : own;      // A1111's name for it
  if (id === "easel_theme") return window.easel.theme.toggle();
  if (id === "easel_quick_more") return byId("quicksettings").classList.toggle("unfolded");
  const panel = panels.get(id.slice(0, id.indexOf("_")));
  if (panel && window.easel.isReady(panel.tab)) act(panel, id);
}

function act(panel, id) {
  CLICKS[id.slice(panel.tab.length + 1)]?.(panel);
}

/** The tab may be used from here on; what was clicked too early is done now. */
export function startListening(panel) {
  for (const id of window.easel.ready(panel.tab)) act(panel, id === "paste" ? "txt2img_paste" : id);
}

function shortcut(event) {
  const panel = inView();
  if (!panel || !window.easel.isReady(panel.tab) || document.querySelector("dialog[open]")) return;
  const enter = event.key === "Enter" && !event.shiftKey;
  if (enter && (event.ctrlKey || event.metaKey)) take(event, () => panel.generate());
  else if (enter && event.altKey) take(event, () => panel.job.skip());
  else if (event.key === "Escape" && panel.job.running && !event.target.matches?.("[role=combobox]")) take(event, () => panel.job.interrupt());
}

function take(event, action) {
  event.preventDefault();
  action();
}
