// The drawer beside the results: what waits, what is at work, and what was made today.
import { byId, h, iconButton, openTab, t, visible } from "../core/dom.js";
import { inView } from "../generation/tabs.js";
import { DayList } from "./days.js";
import { isDecided, isWanted, roomBeside, want } from "./drawer_state.js";
import { countedJobs } from "./feed.js";
import { QueueList } from "./list.js";

export class Drawer {
  over = false;      // opened over the page, where it does not stand beside it
  revision = null;

  /** changed: called when it has been opened or closed */
  constructor(drafts, changed) {
    Object.assign(this, { drafts, changed, wide: roomBeside });
    this.wanted = isWanted();
    const whenShown = () => this.uncover();
    this.waiting = new QueueList(drafts, { whenShown });
    this.ended = new DayList(drafts, { whenShown });
    this.summary = h("p.queue-summary", { role: "status" });
    this.back = h("button.drawer-back", { type: "button", hidden: true, onclick: () => this.takeBack() },
      t("Back to my form"));
    this.close = iconButton("close", t("Close"), () => this.set(false));
    const head = h("header", {}, h("h2", {}, t("Queue and history")), this.close);
    const body = h("div.drawer-body", { tabIndex: -1 }, this.summary, this.back, this.waiting.root, this.ended.root);
    const foot = h("footer", {}, this.link("Queue", "All jobs"), this.link("Library", "All pictures"));
    this.element = h("aside.drawer", { id: "easel_drawer", hidden: true, ariaLabel: t("Queue and history") },
      head, body, foot);
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.wide.addEventListener("change", () => this.look());
    document.addEventListener("easel-added", () => this.offer());
    document.body.append(this.element);
  }

  link(tab, words) {
    return h("button.link", { type: "button", onclick: () => { this.over = false; openTab(tab); } }, t(words));
  }

  get docked() { return this.wide.matches && Boolean(inView()); }
  get open() { return (this.docked ? this.wanted : this.over) && !visible("queue_page"); }
  get seen() { return !document.hidden && this.open; }

  turn(open) {
    this.set(open);
    if (this.open) this.close.focus();
  }

  set(open) {
    const inside = this.element.contains(document.activeElement);
    if (this.docked) want(this.wanted = open);
    else this.over = open;
    this.changed();
    if (!open && inside) byId("easel_queue").querySelector("button")?.focus();
  }

  /** The first job that is added shows where it went, unless somebody wants the drawer closed. */
  offer() {
    if (this.docked && !isDecided()) this.set(true);
  }

  /** What was brought onto the stage is to be seen. */
  uncover() {
    if (this.docked) this.look();
    else this.set(false);
  }

  look() {
    const root = document.documentElement, button = byId("easel_queue")?.querySelector("button");
    if (this.element.hidden === this.open) this.element.hidden = !this.open;
    root.classList.toggle("drawer-docked", this.open && this.docked);
    this.back.hidden = !this.drafts.here;
    button?.setAttribute("aria-expanded", String(this.open));
    button?.setAttribute("aria-controls", this.element.id);
  }

  async takeBack() {
    await this.drafts.back();
    this.look();
  }

  key(event) {
    if (event.key !== "Escape" || this.docked) return;
    event.stopPropagation();
    this.set(false);
  }

  take(state) {
    const { revision, mine, others, running } = state;
    this.summary.textContent = mine || others ? countedJobs(state) : "";
    this.back.hidden = !this.drafts.here;
    if (revision === this.revision) return this.waiting.progress(running);
    this.revision = revision;
    this.waiting.refresh();
    return this.ended.refresh();
  }
}
