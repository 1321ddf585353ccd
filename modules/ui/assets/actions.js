// Buttons and shortcuts of the txt2img tab.
import { byId, pause, t } from "./dom.js";
import { form } from "./form.js";
import { pasteInfotext } from "./infotext.js";
import { job } from "./job.js";
import { notice } from "./notices.js";
import { results } from "./results.js";
import { server } from "./server.js";

const TWICE = 1000;      // ms within which a second click, before an answer, is a slip of the finger
let submitted = -TWICE;

/** Submit the form as it stands, `patch` filled in first. A job that runs is interrupted. */
async function generate(patch = {}) {
  if (performance.now() - submitted < TWICE) return;
  submitted = performance.now();
  if (job.running) {
    job.interrupt();
    while (job.running) await pause(50);
  }
  if (Object.keys(patch).length) form.fill(patch);
  results.clear();
  try {
    await server.state();      // gradio waits in silence for a server that is gone
    await form.now();          // what was filled in last has reached it
    await pause(50);
    byId("txt2img_submit").click();
  } catch {
    window.easel.unanswered();
  }
}

// gradio's answer to a submit.
window.easel.generate = generate;
window.easel.answered = (reply) => {
  submitted = -TWICE;
  if (reply?.job) job.follow(reply.job);
  else results.refuse(reply?.error ?? {});
};
window.easel.unanswered = () => window.easel.answered({ error: {
  message: t("The server did not answer."), hint: t("Is it still running? Nothing you typed is lost: press Generate again."), error: "unreachable",
} });

const CLICKS = {
  txt2img_generate: () => generate(),
  txt2img_interrupt: () => job.interrupt(),
  txt2img_skip: () => job.skip(),
  txt2img_restore_progress: () => job.newest(),
  txt2img_clear_prompt: () => form.fill({ prompt: "", negative_prompt: "" }),
  txt2img_res_switch_btn: swap,
  txt2img_random_seed: () => form.fill({ seed: -1 }),
  txt2img_random_subseed: () => form.fill({ subseed: -1 }),
  txt2img_reuse_seed: () => reuse("Seed", "seed"),
  txt2img_reuse_subseed: () => reuse("Variation seed", "subseed"),
  paste,
  easel_theme: () => window.easel.theme.toggle(),
};

/** Take a figure from the shown picture's generation data. */
function reuse(key, field) {
  const infotext = results.picture?.infotext ?? "";
  const found = new RegExp(`(?:^|, )${key}: (\\d+)`, "m").exec(infotext.split("\n").at(-1));
  if (found) form.fill({ [field]: found[1] });
  else notice("seed", results.picture ? t("The picture has no such seed.") : t("There is no picture yet."));
}

async function swap() {
  const { width, height } = await form.now();
  form.fill({ width: height, height: width });
}

async function paste() {
  const text = (await form.now()).prompt || results.picture?.infotext || "";
  if (text) await pasteInfotext(text);
  else notice("paste", t("Paste generation data into the prompt first, or choose a picture."));
}

export function startActions() {
  document.addEventListener("click", (event) => CLICKS[event.target.closest?.("button[id]")?.id]?.());
  document.addEventListener("keydown", shortcut);
  for (const button of document.querySelectorAll("button.tool:not([title])")) button.title = button.textContent.trim();
}

function shortcut(event) {
  if (document.querySelector("dialog[open]") || byId("tab_txt2img")?.offsetParent === null) return;
  const enter = event.key === "Enter" && !event.shiftKey;
  if (enter && (event.ctrlKey || event.metaKey)) act(event, () => generate());
  else if (enter && event.altKey) act(event, () => job.skip());
  else if (event.key === "Escape" && job.running && !event.target.matches?.("[role=combobox]")) act(event, () => job.interrupt());
}

function act(event, action) {
  event.preventDefault();
  action();
}
