// The queue as the page shows it: a drawer beside the results, which a button opens from everywhere, and a tab.
import { byId } from "../core/dom.js";
import { connected } from "../core/notices.js";
import { Drawer } from "./drawer.js";
import { QueueFeed } from "./feed.js";
import { QueuePage } from "./page.js";
import { Drafts } from "./show.js";

/** Follows the server while the drawer or the tab is seen. */
class Queue {
  feed = null;
  shown = new Set();      // the views that know what the feed told last

  constructor() {
    const drafts = new Drafts();
    this.drawer = new Drawer(drafts, () => this.look());
    this.views = [this.drawer, new QueuePage(drafts)];
  }

  get seen() { return this.views.some((view) => view.seen); }

  look() {
    for (const view of this.views) view.look();
    if (this.seen && !this.feed) this.follow();
    else if (!this.seen && this.feed) { this.feed.stop(); this.feed = null; }
    if (this.feed?.record && this.views.some((view) => view.seen && !this.shown.has(view))) this.take(this.feed.record);
  }

  follow() {
    this.feed = new QueueFeed({ take: (state) => this.take(state), answers: connected, isSeen: () => this.seen });
    this.feed.run();
  }

  /** What was out of sight has missed what happened. */
  take(state) {
    for (const view of this.views) {
      if (!view.seen) this.shown.delete(view);
      else if (!this.shown.has(view)) { this.shown.add(view); view.revision = null; }
      if (view.seen) view.take(state);
    }
  }
}

/** Once the page stands: its tab is drawn by gradio when it is opened. */
export function startQueue() {
  const queue = new Queue();
  byId("easel_queue").addEventListener("click", ({ target }) => {
    if (target.closest("button")) queue.drawer.toggle();
  });
  window.onUiUpdate(() => queue.look());
  window.onUiTabChange(() => { queue.drawer.over = false; queue.look(); });
  document.addEventListener("visibilitychange", () => queue.look());
  queue.look();
}
