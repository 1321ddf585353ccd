// A training in the making: pictures, fields, and what would come of them, looked at after each change.
import { debounced, h, t } from "../core/dom.js";
import { Lost } from "../core/server.js";
import { TrainingCheck } from "./check.js";
import { TrainingOptions } from "./options.js";
import { TrainingPictures } from "./pictures.js";
import { trainer } from "./trainer.js";

const REST = 400;      // ms without a change, after which the plan is asked for

export class Preparation {
  /** begun: told the job of a training that has begun */
  constructor(draft, told, begun) {
    Object.assign(this, { draft, begun });
    this.pictures = new TrainingPictures(draft);
    this.options = new TrainingOptions(draft, told);
    this.check = new TrainingCheck(draft, () => this.begin());
    this.root = h("div.training-prepare", {}, this.pictures.root,
      h("div.training-side", {}, this.options.root, this.check.root));
    this.lookSoon = debounced(() => this.look(), REST);
    draft.onChange((from) => { if (from === null) this.options.draw(); this.lookSoon(); });
    this.look();
  }

  async look() {
    const turn = this.turn = (this.turn ?? 0) + 1;
    this.check.root.setAttribute("aria-busy", "true");
    let plan;
    try {
      plan = await trainer.plan(this.draft.fields);
    } catch (error) {
      plan = error instanceof Lost ? null : { values: {}, pictures: null, missing: error.reply };
      if (plan && !error.reply) throw error;
    }
    if (turn !== this.turn || !plan) return;
    this.check.root.setAttribute("aria-busy", "false");
    const steps = plan.pictures?.steps;
    this.options.show({ ...plan.values, ...(steps && !plan.values.max_train_steps ? { max_train_steps: steps } : {}),
      ...(plan.pictures && !plan.values.resolution ? { resolution: String(plan.pictures.side) } : {}),
      ...(plan.values.output_name ? {} : { output_name: nameOf(this.draft.folder) }) });
    this.pictures.place(plan.pictures);
    this.check.show(plan);
  }

  async begin() {
    this.check.button.disabled = true;
    try {
      const { job } = await trainer.begin(this.draft.fields);
      this.begun(job);
    } catch (error) {
      if (!error.reply && !(error instanceof Lost)) throw error;
      this.check.refuse(error);
    } finally {
      this.check.button.disabled = false;
    }
  }
}

/** What a training without a name is called. */
const nameOf = (folder) => folder.split("/").filter(Boolean).at(-1) ?? t("my training");
