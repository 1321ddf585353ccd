// The server as a whole: which model is loading, how long the queue is, whether anyone answers.
import { byId, h, pause, t } from "./dom.js";
import { notice, unnotice } from "./notices.js";
import { panels } from "./panels.js";
import { Lost, server } from "./server.js";

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
  const state = await look();
  if (!state) return null;
  show(state);
  const news = JSON.stringify([state.defaults, state.examples]);
  if (news !== asked || anew) {
    for (const { form, results } of panels.values()) {
      form.followDefaults(state.defaults?.[form.tab] ?? {});
      results.showExamples(form.tab === "txt2img" ? state.examples : []);
    }
  }
  asked = news;
  return state;
}

async function look() {
  try {
    const state = await server.state();
    connected(true);
    return state;
  } catch (error) {
    if (error instanceof Lost) connected(false);
    return null;
  }
}

/** Say that nobody answers, once; gradio's own word on it is hidden meanwhile. */
function connected(well) {
  document.body.classList.toggle("easel-offline", !well);
  if (well) unnotice("connection");
  else notice("connection", t("Connection lost. Trying again…"), 0);
}

let shown = "";

function show({ model, queue }) {
  const key = JSON.stringify([model, queue]);
  if (key === shown) return;
  shown = key;
  const loading = model.loading ? t("Loading {name}", { name: model.loading === "…" ? t("the model") : model.loading }) : "";
  byId("quicksettings").classList.toggle("loading", Boolean(loading));
  byId("easel_model").replaceChildren(h("p", { role: "status", className: model.error ? "wrong" : "" }, loading || model.error || ""));
  byId("easel_queue").replaceChildren(h("p", {}, queue > 1 ? t("{n} jobs in the queue", { n: queue }) : ""));
}
