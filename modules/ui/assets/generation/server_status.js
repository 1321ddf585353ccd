// The server as a whole: which model is loading, how long the queue is, whether anyone answers.
import { byId, h, pause, t } from "../core/dom.js";
import { connected } from "../core/notices.js";
import { Lost, server } from "../core/server.js";
import { checkpoint } from "./model_choice.js";
import { tune } from "./sound.js";
import { tabs } from "./tabs.js";

const WHILE_LOADING = 700, USUALLY = 2000;      // ms between two questions

export async function watchServer() {
  for (;;) {
    const state = document.hidden ? null : await meetServer();
    await pause(state?.model?.loading ? WHILE_LOADING : USUALLY);
  }
}

let asked = "";

/** Ask once how things are, and let the page follow; `anew` where a tab has come that does not know yet. */
export async function meetServer(anew = false) {
  const named = checkpoint();
  const state = await look(named);
  if (!state) return null;
  show(state);
  tune(state);
  if (named !== checkpoint()) return meetServer(anew);      // another one was chosen meanwhile
  const news = JSON.stringify([state.defaults, state.examples]);
  if (news !== asked || anew) {
    asked = news;
    await Promise.all([...tabs.values()].map((tab) => follow(tab, state)));
  }
  return state;
}

/** The form's untouched fields, and the examples, are those of the model that this page will use. */
async function follow({ form, results, followed }, { defaults, examples }) {
  results.showExamples(form.tab === "txt2img" ? examples : []);
  await form.followDefaults(defaults?.[form.tab] ?? {});
  followed?.();
}

async function look(named) {
  try {
    const state = await server.state(named);
    connected(true);
    return state;
  } catch (error) {
    if (error instanceof Lost) connected(false);
    return null;
  }
}

let shown = "";

function show({ model, queue, mine, queue_mode: mode }) {
  const key = JSON.stringify([model, queue, mine, mode]);
  if (key === shown) return;
  shown = key;
  const loading = model.loading
    ? t("Loading {name}", { name: model.loading === "…" ? t("the model") : model.loading })
    : "";
  byId("quicksettings").classList.toggle("loading", Boolean(loading));
  byId("easel_model").replaceChildren(
    h("p", { role: "status", className: model.error ? "wrong" : "" }, loading || model.error || ""),
  );
  showQueue(queue, mine, mode);
  for (const { results } of tabs.values()) results.draw();      // a job that waits tells what for
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
  if (!place.querySelector("button")) place.replaceChildren(h("button.queue-button", { type: "button" }));
  place.querySelector("button").replaceChildren(h("span.words", {}, words), ...(badge ? [badge] : []));
  document.querySelector(".queue-mode")?.remove();
  if (mode in MODES) byId("quicksettings").after(h("p.queue-mode", { role: "status" }, t(MODES[mode])));
}
