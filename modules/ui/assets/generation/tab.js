// One tab that makes pictures: its form, job and results, and what Generate does.
import { startCards } from "../cards/cards.js";
import { startControl } from "../control/control.js";
import { startDetailer } from "../control/detailer.js";
import { startRegions } from "../control/regions.js";
import { byId, pause, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { Lost, server } from "../core/server.js";
import { PlotForm } from "../plots/plot_form.js";
import { startPrompts } from "../prompt/boxes.js";
import { nameStylesList, StylesDialog } from "../styles/styles.js";
import { WildcardsDialog } from "../wildcards/wildcards.js";
import { startAccordions } from "./accordions.js";
import { nameTools } from "./actions.js";
import { startAnchors } from "./anchors.js";
import { Form, formOf } from "./form.js";
import { markField } from "./marks.js";
import { Job } from "./job.js";
import { followChoice } from "./model_choice.js";
import { watchJob } from "./notify.js";
import { startOverrides } from "./paste.js";
import { Results } from "./results.js";
import { startScripts } from "./scripts.js";
import { meetServer } from "./server_status.js";
import { hasPrompt, tabs } from "./tabs.js";
import { startVariants } from "./variants.js";

const TWICE = 1000;      // ms within which a second click, before an answer, is a slip of the finger

/** A tab may have more than this, put in by what is its own: `prepare` (send its pictures), `sends` (what is said
 * meanwhile), `take` (what is
 * dropped on the page), `receive`, `detectSize`, `size`, `followed` (another model was chosen).
 */
export class GenerationTab {
  /** Once gradio has drawn it. */
  constructor(tab) {
    Object.assign(this, { tab, form: new Form(tab, formOf(tab)), job: new Job(tab), submitted: -TWICE });
    this.results = new Results(this);
  }

  /**
   * Submits the form as it stands, `patch` filled in first. A job that runs is interrupted. Resolves with whether a job
   * has begun: null if this was the second of two clicks.
   */
  async generate(patch = {}) {
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
      this.follow(await this.submit());
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

  /** Throws Refused or Lost. */
  async submit() {
    await pause(0);                // that it is busy is drawn before the work begins
    await this.prepare?.();        // pictures go to the server first
    await this.form.now();
    return server.begin(this.form.request());
  }

  follow({ job, notes }) {
    if (notes.length) notice("notes", notes.join(" "));
    this.job.follow(job, true);
  }

  busy(is) {
    const button = byId(`${this.tab}_generate`);
    button.classList.toggle("starting", is);
    button.setAttribute("aria-busy", is);
    this.results.prepare(is ? this.sends?.() ?? "" : "");
  }

  /** The picture that is shown, as the cards take it for a preview. */
  newest() {
    return this.results.picture && this.job.current
      ? { job: this.job.current.id, index: Number.parseInt(this.results.picture.index, 10) }
      : null;
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
    tab.styles = new StylesDialog({ form: tab.form, newest: () => tab.newest() });
    nameStylesList(name);
    tab.wildcards = new WildcardsDialog(tab.form);
    startVariants(tab);
    startControl(tab);
    startRegions(tab);
    startDetailer(tab);
    startCards(name, { form: tab.form, newest: () => tab.newest() });
  }
  own?.(tab);
  nameTools();
  followChoice(tab.form, meetServer);
  watchJob(tab.job, () => [...tabs.values()].map(({ job }) => job));
  tab.job.resume();
  await tab.form.now();      // what was typed meanwhile is known
  return tab;
}

const UNREACHABLE = () => ({
  message: t("The server did not answer."),
  hint: t("Is it still running? Nothing you typed is lost: press Generate again."),
  error: "unreachable",
});
