// A job back on its tab: its pictures on the stage, its request in the form. The form that was there can come back.
import { h, t } from "../core/dom.js";
import { notice, unnotice } from "../core/notices.js";
import { reasonOf, server } from "../core/server.js";
import { hasEnded } from "../generation/job_feed.js";
import { fillIn } from "../generation/paste.js";
import { same } from "../generation/form.js";
import { putBack, snapshot } from "../generation/paste_report.js";
import { receiveInputs, shown } from "../generation/send_to.js";
import { inView } from "../generation/tabs.js";

export const FORMS = ["txt2img", "img2img", "extras"];      // kinds of jobs that a form asks for

const TITLES = { extras: "Extras" };      // of tabs whose title is not the kind's name

/** What a form held before a job's request was put into it, by tab. */
export class Drafts {
  kept = new Map();        // tab → { form, picture }
  filled = new Map();      // tab → the values that were put in

  /** A form that still holds what a job put there is nobody's draft. */
  async keep(tab) {
    const values = await tab.form.now(), filled = this.filled.get(tab.tab);
    if (filled && Object.keys(filled).every((name) => same(values[name], filled[name]))) return;
    this.kept.set(tab.tab, { form: snapshot(tab.form), picture: await tab.drawing?.() });
  }

  async note({ tab, form }) { this.filled.set(tab, await form.now()); }

  get here() { return this.kept.has(inView()?.tab); }

  /** Puts the draft of the tab that is looked at back; what stood there is the draft now. */
  async back() {
    const tab = inView(), draft = this.kept.get(tab?.tab);
    if (!draft) return;
    unnotice("queue");
    this.filled.delete(tab.tab);
    await this.keep(tab);
    if (draft.picture) await tab.receive(draft.picture.image, draft.picture.kind, true, draft.picture.mask);
    putBack(tab.form, draft.form);
  }
}

/** index: the picture that is chosen; null: the job's first */
export async function showJob(job, index, drafts) {
  const { id, kind } = job, tab = await shown(t(TITLES[kind] ?? kind), kind);
  tab.show(id, index, hasEnded(job));
  try {
    const found = await server.queuedRequest(id);
    await drafts.keep(tab);
    if (found.inputs) await receiveInputs(tab, id, found);
    fillIn(found, tab.form);
    await drafts.note(tab);
    const back = h("button.notice-act", { type: "button", onclick: () => drafts.back() }, t("Back to my form"));
    notice("queue", [t("The form is as it was asked for then."), " ", back], 8);
  } catch (error) {
    notice("queue", reasonOf(error));
  }
}
