// One tab that makes pictures: its form, job and results, and what Generate does.
import { startCards } from "../cards/cards.js";
import { startFolds } from "../control/folds.js";
import { byId, pause, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { arrived, Lost, reasonOf, server } from "../core/server.js";
import { PlotForm } from "../plots/plot_form.js";
import { startPrompts } from "../prompt/boxes.js";
import { nameStylesList } from "../styles/write.js";
import { startAccordions } from "./accordions.js";
import { nameTools } from "./actions.js";
import { startAnchors } from "./anchors.js";
import { Form, formOf } from "./form.js";
import { markField } from "./marks.js";
import { Job } from "./job.js";
import { Line } from "./line.js";
import { followChoice } from "./model_choice.js";
import { watchJob } from "./notify.js";
import { startOverrides } from "./paste.js";
import { Results } from "./results.js";
import { startScripts } from "./scripts.js";
import { meetServer } from "./server_status.js";
import { hasPrompt, tabs } from "./tabs.js";
import { startVariants } from "./variants.js";

const TWICE = 1000;      // ms within which a second click, before an answer, is a slip of the finger
const AS_IT_IS = {};     // no field of the form otherwise

/** A tab may have more than this, put in by what is its own: `prepare` (send its pictures), `sends` (what is said
 * meanwhile), `take` (what is dropped on the page), `receive`, `drawing` (what its editor has), `detectSize`, `size`,
 * `followed` (another model was chosen).
 */
export class GenerationTab {
  /** Once gradio has drawn it. */
  constructor(tab) {
    Object.assign(this, { tab, form: new Form(tab, formOf(tab)), job: new Job(tab), submitted: -TWICE });
    this.results = new Results(this);
    this.line = new Line(tab);
    this.adding = Promise.resolve();
  }

  /**
   * Submits the form as it stands, `patch` filled in first. A job that runs is interrupted. Resolves with whether a job
   * has begun: null if this was the second of two clicks. shown: the prompts' texts, where they are of a moment before
   */
  async generate(patch = {}, shown = this.form.shown()) {
    if (performance.now() - this.submitted < TWICE) return null;
    this.submitted = performance.now();
    if (this.job.running) {
      this.job.interrupt();
      await this.job.ended();
    }
    if (Object.keys(patch).length) this.form.fill(patch);
    this.results.clear();
    markField(null);
    this.busy(true);
    this.results.awaited();
    try {
      const begun = await this.submit({ ...shown, ...patch });
      await this.line.overtake(begun.job);
      this.follow(begun);
      return true;
    } catch (error) {
      if (!error.reply && !(error instanceof Lost)) throw error;
      this.results.refuse(error.reply ?? UNREACHABLE());
      markField(this.form.ids[error.field]);
      return false;
    } finally {
      this.submitted = -TWICE;
      this.busy(false);
    }
  }

  /**
   * Asks for what the form says, or `patch` instead of some of it, behind the jobs that wait; the form stays as it is.
   * While a job runs the stage stays, too. beside: the picture, { job, index }, that its pictures are shown beside
   */
  add(patch = AS_IT_IS, beside = null) {
    // one after another, in the order of clicks, whatever became of the one before and is written meanwhile
    const shown = this.form.shown();
    this.adding = this.adding.catch(() => {}).then(() => this.addOne(patch, beside, shown));
    return this.adding;
  }

  async addOne(patch, beside, shown) {
    if (patch === AS_IT_IS && !beside && !this.job.running) return this.generate({}, shown);
    try {
      const begun = await this.submit({ ...shown, ...patch });
      if (beside) this.results.set.add(begun.job, beside);
      if (this.job.running) this.queued(begun);
      else this.follow(begun);
    } catch (error) {
      notice("added", reasonOf(error));
    }
    return null;
  }

  queued({ job, notes }) {
    this.line.join(job);
    notice("added", [t("Added to the queue."), ...notes].join(" "), 3);
    document.dispatchEvent(new CustomEvent("easel-added"));
  }

  /** Throws Refused or Lost. */
  async submit(patch = {}) {
    await pause(0);                // that it is busy is drawn before the work begins
    return server.begin(await this.request(patch));
  }

  /** What the form asks for as it stands, with `patch` instead of some of it; its pictures go to the server first. */
  async request(patch = {}) {
    await this.prepare?.();
    await arrived();               // those of the folds are on their way since they were chosen
    await this.form.now();
    return this.form.request(patch);
  }

  follow({ job, notes = [] }) {
    if (notes.length) notice("notes", notes.join(" "));
    return this.along(this.job.follow(job, true));
  }

  /** Brings a job onto the stage, with the picture of that number chosen; ended: nothing follows by itself. */
  show(id, index, ended) {
    if (this.job.current?.id !== id) {
      const following = this.job.follow(id);
      if (!ended) this.along(following);
    }
    this.results.choose(index === null ? null : server.picture(id, index));
  }

  /**
   * Once the followed job has ended, what was added meanwhile is followed in its turn; somebody who looks at a picture
   * is only led on to what is made of it.
   */
  async along(following) {
    const { current } = this.job, stays = () => this.job.current?.id === current?.id && !this.submitting;
    await following;
    if (!current || !stays()) return;
    const next = await this.line.next(current.id);
    if (next && stays() && (!this.results.looked || this.results.set.has(next))) this.follow({ job: next });
  }

  get submitting() { return this.submitted !== -TWICE; }

  busy(is) {
    const button = byId(`${this.tab}_generate`);
    button.classList.toggle("starting", is);
    button.setAttribute("aria-busy", is);
    this.results.prepare(is ? this.sends?.() ?? "" : "");
  }

  /** The picture that is shown, as the cards take it for a preview. */
  newest() {
    const { picture } = this.results;
    return picture ? { job: picture.job, index: Number.parseInt(picture.index, 10) } : null;
  }
}

/** A tab, put together and shown as it was before a reload; `own` gives it what others have not. */
export async function startTab(name, own) {
  const tab = new GenerationTab(name);
  tabs.set(name, tab);
  tab.results.start();
  startAnchors(tab);
  startOverrides(tab);
  if (hasPrompt(name)) {
    startPrompts(tab);
    startScripts(tab);
    new PlotForm(tab);
    startAccordions(tab);
    nameStylesList(name);
    startVariants(tab);
    await startFolds(tab);
    await startCards(name, { form: tab.form, newest: () => tab.newest() });
  }
  own?.(tab);
  nameTools();
  followChoice(tab.form, meetServer);
  watchJob(tab.job, () => [...tabs.values()].map(({ job }) => job));
  countAtOnce(tab.job);
  tab.along(tab.job.resume());
  await tab.form.now();      // what was typed meanwhile is known
  return tab;
}

/** A job's begin and end change the number of unfinished jobs at once, not with the next look at the server. */
function countAtOnce(job) {
  let running = false;
  job.onUpdate(() => {
    if (job.running === running) return;
    running = job.running;
    meetServer();
  });
}

const UNREACHABLE = () => ({
  message: t("The server did not answer."),
  hint: t("Is it still running? Nothing you typed is lost: press Generate again."),
  error: "unreachable",
});
