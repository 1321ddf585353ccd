// What shows the queue: the drawer beside the results and the tab, which follow the server while they are seen.
import { connected } from "../core/notices.js";
import { Drawer } from "./drawer.js";
import { QueueFeed } from "./feed.js";
import { QueuePage } from "./page.js";
import { Drafts } from "./show.js";

/** Follows the server while the drawer or the tab is seen. */
class QueueViews {
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

/** Once they are needed for the first time. */
export function startViews() {
  const queue = new QueueViews();
  window.onUiUpdate(() => queue.look());
  window.onUiTabChange(() => { queue.drawer.over = false; queue.look(); });
  document.addEventListener("visibilitychange", () => queue.look());
  queue.look();
  return queue;
}
