// The Checkpoint Merger tab: what is asked for is a job of the server, begun here and followed until it has ended,
// several side by side.
import { lookAgain, offerAnew } from "../core/choices.js";
import { bringIntoView, byId, duration, facts, h, t, visible } from "../core/dom.js";
import { connected } from "../core/notices.js";
import { inWords, Lost, server } from "../core/server.js";
import { Form } from "../generation/form.js";
import { hasEnded, JobFeed } from "../generation/job_feed.js";

const SHOWN = 10;       // of earlier jobs, those that are still at work when the page is opened

/** What a form holds as a request's fields: without what is not chosen yet, the merger's pickers as one list. */
function fieldsOf(kind, { override_settings: _none, ...values }) {
  const { a, b, c, others, ...rest } = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
  return kind === "merge" ? { ...rest, models: sources(rest.method, [a, b, c], others ?? []) } : rest;
}

/** The chosen checkpoints; where each has its own part in the formula, none moves up into an empty place. */
function sources(method, named, others) {
  if (sharesOf(method) === "more") return [...named, ...others].filter(Boolean);
  const empty = named.findIndex((name) => !name);
  return empty < 0 ? named : named.slice(0, empty);
}

/** The button of each thing that is made. */
const BUTTONS = { modelmerger_merge: "merge", modelmerger_convert: "convert", modelmerger_extract: "extract_lora" };

let forms = null;      // by kind of job
const feeds = [];      // of the jobs that are followed, oldest first: it alone has a stream, for a browser has few

/** Called again and again: the tab is started once gradio has drawn it. */
export function startMerger() {
  if (forms || !byId("modelmerger_merge")) return;
  forms = Object.fromEntries(
    Object.values(BUTTONS).map((kind) => [kind, new Form(kind, { ...facts.making[kind], base: {} })]),
  );
  forms.merge.onChange(showMethod);
  showMethod(forms.merge.values);
  byId("modelmerger_page").addEventListener("click", ({ target }) => {
    const kind = BUTTONS[target.closest("button[id]")?.id];
    if (kind) make(kind);
  });
  window.onUiTabChange(showTab);
  document.addEventListener("visibilitychange", () => feeds[0]?.wake());
  showTab();      // it may be open already, as the address says
}

let resumed = false;

function showTab() {
  feeds[0]?.wake();
  if (!visible("tab_modelmerger")) return;
  suggest();
  offerAnew();
  if (!resumed) resume();
  resumed = true;
}

/** Where nothing is chosen yet: this page's model, and another one if there is any. */
function suggest() {
  const [{ values }, chosen] = [forms.merge, window.easel.choice.sd_model_checkpoint];
  if (values.a || values.b || !chosen) return;
  const names = facts.start.choices[facts.lists[forms.merge.ids.a]].map(([, value]) => value);
  const mine = names.find((name) => name === chosen) ?? names[0];
  forms.merge.fill({ a: mine, b: names.find((name) => name !== mine) ?? null });
}

const formulas = () => [...document.querySelectorAll("#modelmerger_interp_description [data-method]")];

/** The field that says how much of each model there is. */
const sharesOf = (method) => formulas().find(({ dataset }) => dataset.method === method)?.dataset.shares ?? "";

/** The chosen method's formula, and the field of its shares. */
function showMethod({ method }) {
  for (const formula of formulas()) formula.hidden = formula.dataset.method !== method;
  byId("modelmerger_interp_amount").hidden = sharesOf(method) !== "multiplier";
  byId("modelmerger_sum").hidden = sharesOf(method) !== "more";
}

async function make(kind) {
  byId("modelmerger_results").querySelector(":scope > .card")?.remove();      // an earlier refusal
  try {
    const { job } = await server.begin({ kind, fields: fieldsOf(kind, await forms[kind].now()) });
    await follow(job);
  } catch (error) {
    if (!error.reply && !(error instanceof Lost)) throw error;
    const refusal = card(inWords(error));
    byId("modelmerger_results").prepend(refusal);
    bringIntoView(refusal);
  }
}

/** After a reload or a restart: what is still being made. */
async function resume() {
  try {
    const found = await server.jobs(SHOWN, Object.keys(facts.making));
    for (const job of found.reverse()) if (!hasEnded(job)) follow(job.id, false);
  } catch (error) {
    if (!error.reply && !(error instanceof Lost)) throw error;
  }
}

/** Show a job, above those that were begun before it, until it has ended. All lists of the page have what was made.
 *
 * fresh: somebody has just asked for it, and wants it in sight
 */
async function follow(id, fresh = true) {
  const place = h("div.file-job", {});
  byId("modelmerger_results").prepend(place);
  const take = (record) => {
    place.replaceChildren(...(hasEnded(record) ? ended(record) : progress(record)));
    if (fresh) bringIntoView(place);
    fresh = false;
  };
  const feed = new JobFeed(id, {
    take,
    answers: connected,
    isSeen: () => feeds[0] === feed && !document.hidden && visible("modelmerger_page"),
  });
  feeds.push(feed);
  await feed.run();
  feeds.splice(feeds.indexOf(feed), 1);
  feeds[0]?.wake();
  if (feed.gone) place.remove();
  lookAgain();
}

function progress({ id, state, ahead, fraction, eta, params }) {
  const percent = Math.round(100 * fraction);
  const told = state === "queued" ? `${t("Waiting")}${ahead ? ` · ${ahead} ${t("before it")}` : ""}`
    : `${t("Working")} · ${percent} %${eta === null ? "" : ` · ${duration(eta)}`}`;
  const stop = () => server.interrupt(id).catch(() => {});      // it may have ended meanwhile
  return [
    h("p", {}, h("strong", {}, params.name ?? "")), h("progress", { max: 100, value: percent }), h("p", {}, told),
    h("button", { type: "button", onclick: stop }, t("Stop")),
  ];
}

function ended({ state, error, outputs, warnings, params }) {
  const notes = warnings.map((warning) => h("p", {}, `⚠ ${warning}`));
  if (error) return [card(error), ...notes];
  if (state !== "done")
    return [h("p", {}, h("strong", {}, params.name ?? "")), h("p", {}, t("This was stopped. Nothing was written."))];
  return [...outputs.map(({ name }) => h("p", {}, `${t("Written:")} `, h("strong", {}, name))), ...notes];
}

function card({ message, hint }) {
  return h("div.card", { role: "alert" }, h("h3", {}, message ?? ""), h("p", {}, hint ?? ""));
}
