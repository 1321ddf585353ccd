// The server as a whole: which model is loading, how long the queue is, whether anyone answers.
import { byId, h, pause, t, told } from "../core/dom.js";
import { connected, notice } from "../core/notices.js";
import { inWords, Lost, server } from "../core/server.js";
import { checkpoint } from "./model_choice.js";
import { tune } from "./sound.js";
import { tabs } from "./tabs.js";

const WHILE_LOADING = 700, USUALLY = 2000;      // ms between two questions

/** state: as it was met last */
export async function watchServer(state) {
  for (;;) {
    await pause(state?.model?.loading ? WHILE_LOADING : USUALLY);
    state = document.hidden ? null : await meetServer();
  }
}

/** Image CFG scale counts only for models that edit by instruction. */
export const showEditing = ({ edits }) => document.documentElement.classList.toggle("edits-pictures", edits);

let begun = "";      // the version of what the forms begin with

/** Ask once how things are, and let the page follow; `anew` where a tab has come that does not know yet. */
export async function meetServer(anew = false) {
  const named = checkpoint();
  const state = await look(named, anew ? "" : begun);
  if (!state) return null;
  show(state);
  tune(state);
  if (named !== checkpoint()) return meetServer(anew);      // another one was chosen meanwhile
  showEditing(state);
  if (state.defaults) {
    begun = state.form;
    await Promise.all([...tabs.values()].map((tab) => follow(tab, state)));
  }
  return state;
}

/** The form's untouched fields, and the examples, are those of the model that this page will use. */
async function follow({ form, results, followed }, { defaults, examples }) {
  results.showExamples(form.tab === "txt2img" ? examples : []);
  await form.followDefaults(defaults[form.tab] ?? {});
  followed?.();
}

async function look(named, seen) {
  try {
    const state = await server.state(named, seen);
    connected(true);
    return state;
  } catch (error) {
    if (error instanceof Lost) connected(false);
    return null;
  }
}

let shown = "";

function show({ model, worker, keeper, queue, mine, queue_mode: mode }) {
  const key = JSON.stringify([model, worker, keeper, queue, mine, mode]);
  if (key === shown) return;
  shown = key;
  const loading = model.loading
    ? t("Loading {name}", { name: model.loading === "…" ? t("the model") : model.loading })
    : "";
  byId("quicksettings").classList.toggle("loading", Boolean(loading));
  const down = WORKER_DOWN.includes(worker.phase);
  const error = told(model.error), wrong = down ? "" : error;
  byId("easel_model").replaceChildren(
    h("p", { role: "status", className: wrong ? "wrong" : "" }, loading || wrong || ""),
  );
  showCrash(down && error, worker.retry, keeper);
  showQueue(queue, mine, mode);
  for (const { results } of tabs.values()) results.draw();      // a job that waits tells what for
}

const WORKER_DOWN = ["restarting", "broken"];

/** A worker that crashed, and when it is started again; the administrator need not wait. "" is none. */
function showCrash(words, seconds, keeper) {
  const place = document.querySelector(".worker-down") ?? crashPlace();
  if (!words) return place.remove();
  if (!place.isConnected) byId("quicksettings").after(place);
  const [said, next, button] = place.children;
  if (said.textContent !== words) said.textContent = words;
  next.textContent = seconds ? t("Next try in {n} s.", { n: seconds }) : "";
  button.hidden = !seconds || !keeper;
}

function crashPlace() {
  const button = h("button.link", { type: "button", onclick: tryAgain }, t("Try again now"));
  return h("div.worker-down", {}, h("span", { role: "status" }), h("span"), button);
}

async function tryAgain() {
  try { await server.tryWorkerAgain(); } catch (error) { notice("worker", inWords(error).message); }
  await meetServer();
}

const MODES = {
  paused: "The queue is paused by the administrator: what you ask for waits.",
  draining: "The queue takes no new jobs for now: the administrator lets it run empty.",
};

/** The button that opens the queue, and what everybody is told of it. */
function showQueue(queue, mine, mode) {
  const place = byId("easel_queue");
  const words = queue > 1 ? t("{n} jobs in the queue", { n: queue }) : t("Queue");
  const badge = mine ? h("span.badge", { title: t("Your unfinished jobs") }, String(mine)) : null;
  if (!place.querySelector("button"))
    place.replaceChildren(h("button.queue-button", { type: "button" }, h("span.words", {})));
  const button = place.querySelector("button");
  button.querySelector(".words").textContent = words;      // the same element, also while it is pressed
  button.querySelector(".badge")?.remove();
  if (badge) button.append(badge);
  document.querySelector(".queue-mode")?.remove();
  if (mode in MODES) byId("quicksettings").after(h("p.queue-mode", { role: "status" }, t(MODES[mode])));
}
