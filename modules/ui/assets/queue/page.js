// The Queue tab: all jobs of a person, filtered by what became of them, and the administrator's part.
import { byId, h, t, visible } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { inWords, server } from "../core/server.js";
import { countedJobs } from "./feed.js";
import { Keeper } from "./keeper.js";
import { QueueList } from "./list.js";
import { FILTERS } from "./order.js";

export class QueuePage {
  revision = null;
  chosen = 0;       // which filter

  constructor(drafts) {
    this.list = new QueueList(drafts, { whenDone: ({ counts }) => this.drawFilters(counts ?? {}) });
    this.keeper = new Keeper(() => this.list.refresh());
    this.summary = h("p.queue-summary", { role: "status" });
    this.filters = h("div.queue-filters", { role: "group", ariaLabel: t("Which jobs") });
    this.clear = h("button.queue-clear", { type: "button", onclick: () => this.clearEnded() }, t("Clear this list"));
    const bar = h("div.queue-bar", {}, this.filters, this.clear);
    this.body = h("div.queue", {}, this.summary, this.keeper.root, bar, this.list.root);
    this.drawFilters({});
  }

  get seen() { return !document.hidden && visible("queue_page"); }

  /** gradio draws the tab when it is opened. */
  look() {
    const place = byId("queue_page");
    if (place && this.body.parentElement !== place) place.replaceChildren(this.body);
  }

  take(state) {
    const { revision, mode, running, keeper, accounts } = state;
    this.summary.textContent = countedJobs(state);
    this.keeper.show({ mode, keeper, accounts });
    if (revision === this.revision) return this.list.progress(running);
    this.revision = revision;
    this.list.refresh();
    return this.keeper.refresh();
  }

  drawFilters(counts) {
    const count = (states) => states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
    this.filters.replaceChildren(...FILTERS.map(([words, states], at) => h("button", {
      type: "button", "aria-pressed": String(at === this.chosen), onclick: () => this.choose(at),
    }, count(states) ? `${t(words)} ${count(states)}` : t(words))));
    this.clear.hidden = this.chosen === 0;
  }

  choose(at) {
    this.chosen = at;
    this.drawFilters(this.list.counts ?? {});
    return this.list.choose(FILTERS[at][1]);
  }

  async clearEnded() {
    const ended = FILTERS[this.chosen][1].filter((state) => ["done", "failed", "interrupted"].includes(state));
    try { await server.clearQueue(ended); } catch (error) { notice("queue", inWords(error).message); }
    await this.list.refresh();
  }
}
