// The queue: a panel that the button above the tabs opens from everywhere, and a tab with the same.
import { byId, h, iconButton, t, visible } from "../core/dom.js";
import { connected, notice } from "../core/notices.js";
import { inWords, server } from "../core/server.js";
import { QueueFeed } from "./feed.js";
import { Keeper } from "./keeper.js";
import { QueueList } from "./list.js";
import { FILTERS } from "./order.js";

class Queue {
  feed = null;
  revision = null;
  chosen = 0;       // which filter

  constructor() {
    this.list = new QueueList((list) => this.counted(list), () => this.panel.close());
    this.keeper = new Keeper(() => this.list.refresh());
    this.summary = h("p.queue-summary", { role: "status" });
    this.filters = h("div.queue-filters", { role: "group", ariaLabel: t("Which jobs") });
    this.clear = h("button.queue-clear", { type: "button", onclick: () => this.clearEnded() }, t("Clear this list"));
    const bar = h("div.queue-bar", {}, this.filters, this.clear);
    this.body = h("div.queue", {}, this.summary, this.keeper.root, bar, this.list.root);
    const head = h("header", {}, h("h2", {}, t("Queue")), iconButton("close", t("Close"), () => this.panel.close()));
    this.inPanel = h("div.queue-place", {});
    this.panel = h("dialog.queue-panel", { onclose: () => this.look() }, head, this.inPanel);
    this.panel.addEventListener("click", (event) => { if (event.target === this.panel) this.panel.close(); });
    document.body.append(this.panel);
    this.drawFilters({});
  }

  open() {
    if (!this.panel.open && !visible("queue_page")) this.panel.showModal();
    this.look();
  }

  get seen() { return !document.hidden && (this.panel.open || visible("queue_page")); }

  /** Put the list where it is seen, and follow the server while it is. */
  look() {
    const place = this.panel.open ? this.inPanel : byId("queue_page");
    if (place && this.body.parentElement !== place) place.replaceChildren(this.body);
    if (this.seen && !this.feed) this.follow();
    else if (!this.seen && this.feed) { this.feed.stop(); this.feed = null; }
  }

  follow() {
    this.revision = null;
    this.feed = new QueueFeed({ take: (state) => this.take(state), answers: connected, isSeen: () => this.seen });
    this.feed.run();
  }

  take({ revision, mode, mine, others, running, keeper, accounts }) {
    this.summary.textContent = [
      mine ? t("{n} of yours", { n: mine }) : t("None of yours"),
      others ? t("{n} of others", { n: others }) : null,
    ].filter(Boolean).join(" · ");
    this.keeper.show({ mode, keeper, accounts });
    if (revision !== this.revision) {
      this.revision = revision;
      this.list.refresh();
      this.keeper.refresh();
    } else this.list.progress(running);
  }

  counted({ counts }) { this.drawFilters(counts ?? {}); }

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

/** Once the page stands: its tab is drawn by gradio when it is opened. */
export function startQueue() {
  const queue = new Queue();
  byId("easel_queue").addEventListener("click", ({ target }) => { if (target.closest("button")) queue.open(); });
  window.onUiUpdate(() => queue.look());
  window.onUiTabChange(() => { if (queue.panel.open && visible("queue_page")) queue.panel.close(); queue.look(); });
  document.addEventListener("visibilitychange", () => queue.look());
}
