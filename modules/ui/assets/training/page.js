// The Train tab: a training is put together, and runs are followed, those of before too.
import { byId, h, t, visible } from "../core/dom.js";
import { tab as kept } from "../core/storage.js";
import { reasonOf } from "../core/server.js";
import { A1111Training } from "./a1111.js";
import { Draft } from "./draft.js";
import { Preparation } from "./prepare.js";
import { TrainingRun } from "./run.js";
import { trainer } from "./trainer.js";

const SHOWN = "training.run";      // the run that is looked at, in this tab
const STATES = () => ({
  queued: t("waiting"), running: t("training"), paused: t("paused"), done: t("done"), interrupted: t("stopped"),
    failed: t("failed"),
});

const stateOf = ({ state, step, steps }) =>
  h(`span.training-run-state.${state}`, {}, `${STATES()[state] ?? state} · ${step}/${steps || "?"}`);

class TrainingPage {
  run = null;

  constructor() {
    this.make = h("button", { type: "button", id: "training_new", onclick: () => this.open(null) }, t("New training"));
    this.list = h("div.training-runs", { role: "group", "aria-label": t("Runs") });
    this.place = h("div.training-place", {});
    const nav = h("nav.training-nav", { "aria-label": t("Trainings") }, this.make, this.list);
    this.element = h("div.training", {}, nav, this.place);
    this.start();
  }

  async start() {
    try {
      const told = await trainer.fields();
      this.preparation = new Preparation(new Draft(), told, (job) => this.begun(job));
    } catch (error) {
      this.place.replaceChildren(h("p.wrong", { role: "alert" }, reasonOf(error)));
      return;
    }
    this.a1111 = new A1111Training((job) => this.begunElsewhere(job));
    await this.refresh();
    this.open(kept.get(SHOWN) ?? this.runs.find(({ state }) => state === "running")?.run);
  }

  /** The list of runs as it is now. */
  async refresh() {
    try { this.runs = await trainer.runs(); } catch { this.runs ??= []; }
    this.list.replaceChildren(...this.runs.map((run) => h("button", {
      type: "button", "aria-pressed": String(run.run === this.run?.run.run), title: run.run,
      onclick: () => this.open(run.run),
    }, h("span.training-run-name", {}, run.name || run.run),
    stateOf(run))));
    this.make.setAttribute("aria-pressed", String(!this.run));
  }

  /** Show a run by its name, or what is needed for a new one. */
  open(name) {
    const found = this.runs.find(({ run }) => run === name);
    if (this.run && this.run.run.run === name && this.run.run.job === found?.job) return;
    this.run?.leave();
    const told = { changed: (now) => this.changed(now), continued: () => this.reopen(name) };
    this.run = found ? new TrainingRun(found, told) : null;
    kept.set(SHOWN, found ? name : "");
    this.place.replaceChildren(found ? this.run.root : this.preparation.root);
    this.refresh();
  }

  /** now: how far the run is that is looked at; null when it has ended */
  changed(now) {
    if (!now) return this.refresh();
    const shown = this.list.querySelector("[aria-pressed=true] .training-run-state");
    return shown?.replaceWith(stateOf(now));
  }

  async reopen(name) {
    await this.refresh();
    this.open(name);
  }

  async begun(job) {
    await this.refresh();
    const found = this.runs.find((run) => run.job === job);
    if (found) this.open(found.run);
  }

  /** A training was begun in another sub tab: this one shows it. */
  async begunElsewhere(job) {
    await this.begun(job);
    byId("train_tabs").querySelector("[role=tab]").click();
  }

  shown() {
    this.refresh();
    this.run?.wake();
    this.preparation?.options.drawModels();
  }
}

let page = null;

/** Called again and again: gradio draws the tab once it is opened. */
export function startTraining() {
  const place = byId("training_page");
  if (!place || place.querySelector(".training")) return;
  page ??= new TrainingPage();
  place.replaceChildren(page.element);
  window.onUiTabChange(() => { if (visible("training_page")) page.shown(); });
  document.addEventListener("visibilitychange", () => page.run?.wake());
}
