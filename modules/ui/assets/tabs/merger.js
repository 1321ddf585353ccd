// The Checkpoint Merger tab: what is asked for is made by the server and followed until it has ended.
import { lookAgain, offerAnew } from "../core/choices.js";
import { byId, facts, h, pause, t, visible } from "../core/dom.js";
import { Lost, server } from "../core/server.js";
import { Form } from "../generation/form.js";

const EVERY = 300;      // ms between two questions
const ENDED = new Set(["done", "interrupted", "failed"]);

/** What a form holds as a body of the API: without what is not chosen yet, the merger's pickers as one list. */
function bodyOf(kind, { override_settings: _none, ...values }) {
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
let forms = null;      // by what is made

/** Called again and again: the tab is started once gradio has drawn it. */
export function startMerger() {
  if (forms || !byId("modelmerger_merge")) return;
  forms = Object.fromEntries(Object.values(BUTTONS).map((kind) => [kind, new Form(kind, { ...facts.making[kind], base: {} })]));
  forms.merge.onChange(showMethod);
  showMethod(forms.merge.values);
  byId("modelmerger_page").addEventListener("click", ({ target }) => {
    const kind = BUTTONS[target.closest("button[id]")?.id];
    if (kind) make(kind);
  });
  window.onUiTabChange(() => { if (visible("tab_modelmerger")) offerAnew(); });
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
  try {
    await follow((await server.make(kind.replace("_", "-"), bodyOf(kind, await forms[kind].now()))).id);
  } catch (error) {
    if (!error.reply && !(error instanceof Lost)) throw error;
    show(card(error.reply ?? { message: t("The server did not answer. Please try again.") }));
  }
}

async function follow(id) {
  for (;;) {
    const chore = await look(id);
    if (chore && ENDED.has(chore.state)) return end(chore);
    if (chore) show(progress(chore));
    await pause(chore ? EVERY : 1000);
  }
}

/** The chore, or null while the connection is lost. */
async function look(id) {
  try {
    return await server.chore(id);
  } catch (error) {
    if (error instanceof Lost) return null;
    throw error;
  }
}

/** All lists of the page have what was made. */
function end(chore) {
  show(ended(chore));
  lookAgain();
}

function show(element) {
  byId("modelmerger_results").replaceChildren(element);
}

function progress({ id, done, of }) {
  const percent = of ? Math.round((100 * done) / of) : 0;
  const stop = () => server.stopChore(id).catch(() => {});      // it may have ended meanwhile
  return h("div.chore", {}, h("progress", { max: 100, value: percent }), h("p", {}, `${t("Working")} · ${percent} %`),
    h("button.lg.secondary", { type: "button", id: "modelmerger_stop", onclick: stop }, t("Stop")));
}

function ended({ state, error, result }) {
  if (error) return card(error);
  if (state !== "done") return h("div.chore", {}, h("p", {}, t("This was stopped. Nothing was written.")));
  return h("div.chore", {}, h("p", {}, `${t("Written:")} `, h("strong", {}, result.name ?? "")));
}

function card({ message, hint }) {
  return h("div.card", { role: "alert" }, h("h3", {}, message ?? ""), h("p", {}, hint ?? ""));
}
