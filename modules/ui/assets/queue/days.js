// The jobs that have ended: those of today, earlier ones when asked for, under the names of their days.
import { h, moment, t } from "../core/dom.js";
import { QueueList } from "./list.js";
import { startOfDay } from "./order.js";
import { FORMS } from "./show.js";

export class DayList extends QueueList {
  states = ["done", "interrupted", "failed"];
  kinds = FORMS;
  earlier = false;           // are jobs of former days shown?
  headings = new Map();      // by their words

  async askPages() {
    await super.askPages();
    if (!this.earlier) this.jobs = this.jobs.filter(({ created }) => created >= startOfDay(new Date()));
  }

  showMore() {
    if (this.earlier) return super.showMore();
    this.earlier = true;
    return this.refresh();
  }

  get none() { return this.earlier ? "There are none." : "Nothing was made today yet."; }

  draw() {
    super.draw();
    this.more.textContent = t(this.earlier ? "Show more" : "Earlier jobs");
  }

  elements() {
    let day = "";
    return this.jobs.flatMap((job) => {
      const item = this.item(job), own = dayOf(job.created);
      if (own === day) return [item];
      day = own;
      return [this.heading(own), item];
    });
  }

  heading(words) {
    if (!this.headings.has(words)) this.headings.set(words, h("li.queue-day", {}, h("h3", {}, words)));
    return this.headings.get(words);
  }
}

/** created: seconds of the epoch */
function dayOf(created) {
  const now = new Date();
  if (created >= startOfDay(now)) return t("Today");
  if (created >= startOfDay(now, 1)) return t("Yesterday");
  return moment(new Date(created * 1000), { weekday: "short", day: "numeric", month: "long" });
}
