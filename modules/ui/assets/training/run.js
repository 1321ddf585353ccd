// A run of training: how far it is, its curves and samples, what it may be asked, and what came of it.
import { lookAgain } from "../core/choices.js";
import { dangerousButton, textButton } from "../core/dialog.js";
import { duration, h, t, visible } from "../core/dom.js";
import { connected, notice } from "../core/notices.js";
import { Lost, reasonOf } from "../core/server.js";
import { hasEnded, JobFeed } from "../generation/job_feed.js";
import { bestStep, TrainingChart } from "./chart.js";
import { Outcome } from "./outcome.js";
import { SampleSheet } from "./samples.js";
import { trainer } from "./trainer.js";

const LOGGED = 100;      // lines of the log that are shown

export class TrainingRun {
  lines = [];
  samples = [];

  /** run: as the server lists it; changed: told each record, and at its end; continued: another job goes on with it */
  constructor(run, { changed, continued }) {
    Object.assign(this, { run, changed, continued });
    this.title = h("h2", {}, run.name || run.run);
    this.state = h("p.training-state", { role: "status" });
    this.bar = h("progress", { max: 1, value: 0 });
    this.buttons = h("div.training-bar", {});
    this.chart = new TrainingChart((step) => this.sheet.show(step));
    this.sheet = new SampleSheet();
    this.notes = h("div.training-notes", {});
    this.files = h("ul.training-files", {});
    this.log = h("pre.training-log", {});
    this.plan = h("dl.training-plan", {});
    this.filePart = h("section", { hidden: true }, h("h2", {}, t("Files")), this.files);
    this.root = h("div.training-run", {},
      h("section.training-part", {}, this.title, this.state, this.bar, this.buttons, this.notes, this.chart.root),
      h("div.training-part.training-outcome", {}, this.sheet.root, this.filePart),
      h("details.training-part", {}, h("summary", {}, t("Log")), this.log),
      h("details.training-part", {}, h("summary", {}, t("Plan")), this.plan));
    this.makeButtons();
    this.follow();
  }

  makeButtons() {
    this.pause = textButton(t("Pause"), () => this.order("pause"));
    this.resume = textButton(t("Resume"), () => this.goOn(), ".card-primary");
    this.stop = dangerousButton(t("Stop"), t("Stop it, with a file of now?"), () => this.order("stop"));
    this.sample = textButton(t("Sample now"), () => this.order("sample", t("Samples are drawn after this step.")));
    this.snapshot = textButton(t("Save now"), () => this.order("snapshot", t("A file is written after this step.")));
    this.rate = this.rateControl();
    const outcome = this.outcome = new Outcome(this), newest = () => this.record.outputs.at(-1).name;
    this.tryIt = textButton(t("Try it"), () => outcome.tryFile(newest()), ".card-primary");
    this.tryIt.id = "training_try";
    this.compare = textButton(t("Compare its files"), () => outcome.compare(this.record.outputs));
    this.card = textButton(t("Make its card"), () => outcome.makeCard(newest()));
  }

  rateControl() {
    const factor = h("input", { type: "number", min: 0, max: 1000, step: "any", value: 0.5,
      "aria-label": t("Factor of the learning rate") });
    return h("span.training-rate", {}, t("Rate ×"), factor,
      textButton(t("Set"), () => this.order("rate", t("The rate changes with the next step."),
        { value: Number(factor.value) })));
  }

  async follow() {
    if (!this.run.job) return this.forgotten();
    const take = (record) => this.take(record);
    this.feed = new JobFeed(this.run.job, {
      take, answers: connected, isSeen: () => !document.hidden && visible("training_page"),
    });
    await this.feed.run();
    if (this.feed.gone) return this.forgotten();
    this.changed(null);
    lookAgain();
    return undefined;
  }

  /** Its job is no longer recorded; what it keeps is there to go on from. */
  forgotten() {
    this.state.textContent = t("Step {n} of {m}. Its job is no longer in the queue's history.",
      { n: this.run.step, m: this.run.steps });
    this.buttons.replaceChildren(this.resume);
  }

  wake() { this.feed?.wake(); }

  leave() { this.feed?.stop(); }

  async take(record) {
    this.record = record;
    this.draw();
    if (this.asking) { this.again = true; return; }
    this.asking = true;
    try {
      do {
        this.again = false;
        await this.look();
      } while (this.again);
    } catch (error) {
      if (!error.reply && !(error instanceof Lost)) throw error;
    } finally {
      this.asking = false;
    }
  }

  async look() {
    const job = this.run.job;
    const last = Math.max(0, this.lines.at(-1)?.step ?? 0);      // of which more may be told: a validation
    const [more, samples] = await Promise.all([trainer.log(job, last - 1), trainer.samples(job)]);
    this.lines = [...this.lines.filter(({ step }) => step <= last - 1), ...more];
    this.chart.take(this.lines, this.steps);
    this.drawLog();
    this.draw();
    this.samples = samples;
    await this.sheet.take(samples);
    if (this.waiting(samples)) this.lookLater();
  }

  /** Samples are drawn by other jobs, which may end after the run has. */
  waiting(samples) { return hasEnded(this.record) && samples.some(({ job }) => !this.sheet.jobs.has(job)); }

  lookLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { if (this.root.isConnected) this.take(this.record); }, 1500);
  }

  get steps() { return this.record.steps || this.run.steps || this.record.params.max_train_steps || 1; }

  get step() {
    if (!hasEnded(this.record)) return this.record.step;
    return (this.lines.findLast(({ loss }) => loss !== undefined)?.step ?? -1) + 1;
  }

  get paused() { return this.record.paused && !hasEnded(this.record); }

  draw() {
    const { state, eta } = this.record, ended = hasEnded(this.record);
    const running = state === "running" && !this.paused;
    const left = running && eta !== null ? t("{time} left", { time: duration(eta) }) : null;
    const words = this.paused ? t("Paused") : STATES()[state] ?? state;
    const place = t("step {n} of {m}", { n: this.step, m: this.steps });
    this.state.textContent = [words, place, left].filter(Boolean).join(" · ");
    this.changed({ state: this.paused ? "paused" : state, step: this.step, steps: this.steps });
    this.bar.value = ended && state === "done" ? 1 : this.step / this.steps;
    this.root.dataset.state = this.paused ? "paused" : state;
    this.drawButtons(ended);
    this.drawFacts();
  }

  drawButtons(ended) {
    const { state, outputs } = this.record;
    const several = outputs.filter(({ facts }) => facts.step).length > 1, { kind } = this.outcome;
    const asks = ended ? [outputs.length && this.tryIt, state !== "done" && this.resume, several && this.compare,
      state === "done" && kind !== "vae" && kind !== "controlnet" && this.card]
      : this.paused ? [this.resume, this.stop] : [this.pause, this.stop, this.sample, this.snapshot, this.rate];
    const now = asks.filter(Boolean), before = [...this.buttons.children];
    if (before.length !== now.length || before.some((each, place) => each !== now[place]))
      this.buttons.replaceChildren(...now);      // one that somebody is about to click stays
  }

  drawFacts() {
    const { error, warnings, outputs, params } = this.record;
    const failure = error
      ? [h("div.card", { role: "alert" }, h("h3", {}, error.message), h("p", {}, error.hint ?? ""))] : [];
    this.notes.replaceChildren(...failure, ...warnings.slice(-5).map((each) => h("p.hint", {}, `⚠ ${each}`)));
    this.filePart.hidden = !outputs.length;
    const best = bestStep(this.lines);
    this.files.replaceChildren(...outputs.map((output) => this.fileLine(output, best)));
    const given = Object.entries(params).filter(([, value]) => ![null, "", false].includes(value) && `${value}`);
    this.plan.replaceChildren(...given.flatMap(([name, value]) =>
      [h("dt", {}, name), h("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value))]));
  }

  /** A file that the run has written; the best one so far says so. */
  fileLine({ name, facts: { step } }, best) {
    const told = step ? t("step {n}", { n: step }) : t("before the first step");
    const marked = step > 0 && step === best ? h("span.training-best", {}, `★ ${t("best so far")}`) : null;
    return h("li", {}, h("strong", {}, name), h("span.hint", {}, told), marked,
      step ? textButton(t("Try"), () => this.outcome.tryFile(name)) : null);
  }

  drawLog() { this.log.textContent = this.lines.slice(-LOGGED).map(logLine).join("\n"); }

  async order(what, told = "", body = undefined) {
    try {
      await trainer.order(this.run.job, what, body);
      if (told) notice("training", told);
    } catch (error) {
      notice("training", reasonOf(error), 8);
    }
    this.wake();
  }

  async goOn() {
    try {
      const { job } = this.run.job && !this.feed.gone ? await trainer.order(this.run.job, "resume")
        : await trainer.begin({ resume: this.run.run });
      if (job !== this.run.job) return this.continued(job);
    } catch (error) {
      notice("training", reasonOf(error), 8);
    }
    this.wake();
    return undefined;
  }
}

const STATES = () => ({
  queued: t("Waiting for its turn"), running: t("Training"), done: t("Done"), interrupted: t("Stopped"),
    failed: t("Failed"),
});

function logLine({ step, loss, norm, rates, caption, validation, drift, rate }) {
  if (validation !== undefined)
    return `${step}  validation ${validation.toFixed(5)}${drift === undefined ? "" : `  drift ${drift.toFixed(5)}`}`;
  if (loss === undefined) return `${step}  rate × ${rate}`;
  const told = Object.entries(rates ?? {}).map(([part, value]) => `${part} ${value.toPrecision(3)}`).join(" ");
  return `${step + 1}  loss ${loss.toFixed(5)}  norm ${norm?.toFixed(3) ?? ""}  ${told}  ${caption ?? ""}`;
}
