// The queue's list: pages of jobs, drawn so that what has not changed stays as it is.
import { h, t } from "../core/dom.js";
import { UNFINISHED } from "../core/job_states.js";
import { notice } from "../core/notices.js";
import { reasonOf, server } from "../core/server.js";
import { JobItem } from "./item.js";
import { joined, movedBefore, waits, withMoved, withProgress } from "./order.js";
import { showJob } from "./show.js";

const PAGE = 50;       // jobs that one question answers
const LONGEST = 200;   // and at most

export class QueueList {
  states = UNFINISHED;
  kinds = [];            // all
  jobs = [];
  total = 0;
  mode = "open";
  wanted = PAGE;         // how many are shown, if there are so many
  drawn = new Map();     // id → its item
  asking = null;         // a question on its way
  again = false;         // there is reason for another
  sent = Promise.resolve();      // the last move's answer: the server hears of moves in their order
  moves = { begun: 0, settled: 0 };

  /**
   * drafts: forms that jobs' requests take the place of; whenDone: called with the list after each answer; whenShown:
   * called once a job has been brought onto its tab
   */
  constructor(drafts, { whenDone = () => {}, whenShown = () => {} } = {}) {
    Object.assign(this, { drafts, whenDone, whenShown, items: h("ul.queue-jobs", {}), empty: h("p.queue-empty", {}) });
    this.more = h("button.queue-more", { type: "button", onclick: () => this.showMore() }, t("Show more"));
    this.root = h("div.queue-list", {}, this.items, this.empty, this.more);
    this.items.addEventListener("dragstart", (event) => this.lift(event));
    this.items.addEventListener("dragover", (event) => this.over(event));
    this.items.addEventListener("drop", (event) => this.drop(event));
    this.items.addEventListener("keydown", (event) => this.key(event));
    this.draw();
  }

  choose(states) {
    Object.assign(this, { states, wanted: PAGE });
    this.items.scrollTop = 0;
    return this.refresh();
  }

  showMore() {
    this.wanted += PAGE;
    return this.refresh();
  }

  /** Ask anew; while an answer is on its way, once more after it. */
  async refresh() {
    this.again = true;
    if (this.asking) return this.asking;
    this.asking = this.askAll();
    try { await this.asking; } finally { this.asking = null; }
  }

  async askAll() {
    while (this.again) {
      this.again = false;
      try { await this.askPages(); } catch { return; }      // the feed says that nobody answers
    }
    this.draw();
  }

  async askPages() {
    const { states, wanted } = this, pages = [], { begun, settled } = this.moves;
    for (let start = 0; start < wanted; start += LONGEST) {
      const found = await server.queue(states, start, Math.min(LONGEST, wanted - start), this.kinds);
      pages.push(found.jobs);
      Object.assign(this, { total: found.total, mode: found.mode, counts: found.counts });
      if (start + LONGEST >= found.total) break;
    }
    const older = begun !== settled || begun !== this.moves.begun;      // than a move that the list shows already
    if (states === this.states && !older) this.jobs = joined(pages);
    this.whenDone(this);
  }

  /** How far the jobs at work are. */
  progress(running) {
    this.jobs = withProgress(this.jobs, running);
    this.draw();
  }

  draw() {
    const focus = document.activeElement?.closest?.("[data-job]")?.dataset.job, pressed = document.activeElement?.title;
    const items = this.elements();
    const shown = new Set(this.jobs.map(({ id }) => id));
    for (const id of this.drawn.keys()) if (!shown.has(id)) this.drawn.delete(id);
    place(this.items, items);
    if (focus && !document.activeElement?.closest?.("[data-job]")) this.focus(focus, pressed);
    this.empty.textContent = this.jobs.length ? "" : t(this.none);
    this.more.hidden = this.jobs.length >= this.total;
  }

  elements() { return this.jobs.map((job) => this.item(job)); }

  get none() { return this.states === UNFINISHED ? "Nothing waits." : "There are none."; }

  item(job) {
    let item = this.drawn.get(job.id);
    if (item?.fits(job, this.mode)) item.follow(job, this.mode);
    else this.drawn.set(job.id, item = new JobItem(job, this.mode, this.acts));
    return item.element;
  }

  focus(id, pressed) {
    const buttons = [...(this.drawn.get(id)?.element.querySelectorAll("button") ?? [])];
    (buttons.find(({ title }) => title === pressed) ?? buttons[0])?.focus();
  }

  acts = {
    up: (job) => this.move(job, -1),
    down: (job) => this.move(job, 1),
    pause: (job) => this.ask(() => server.queued(job.id, "pause")),
    resume: (job) => this.ask(() => server.queued(job.id, "resume")),
    cancel: (job) => this.ask(() => server.queued(job.id, "cancel")),
    again: (job) => this.ask(() => server.queued(job.id, "again", { seed: "same" }), t("It waits once more.")),
    anew: (job) => this.ask(() => server.queued(job.id, "again", { seed: "new" }), t("It waits once more.")),
    remove: (job) => this.ask(() => server.queued(job.id, "remove")),
    show: (job, index) => showJob(job, index, this.drafts).then(this.whenShown),
  };

  async ask(act, said = "") {
    try {
      await act();
      if (said) notice("queue", said, 3);
    } catch (error) {
      notice("queue", reasonOf(error));
    }
    await this.refresh();
  }

  move(job, by) {
    const before = movedBefore(this.jobs, job.id, by);
    return before === null ? undefined : this.put(job.id, before);
  }

  /** Shown at once; the server's word comes after. */
  put(id, before) {
    this.jobs = withMoved(this.jobs, id, before);
    this.draw();
    this.moves.begun += 1;
    const answer = this.sent.then(() => server.queued(id, "move", { before }))
      .finally(() => { this.moves.settled += 1; });
    this.sent = answer.catch(() => {});
    return this.ask(() => answer);
  }

  key(event) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key], id = event.target.closest("[data-job]")?.dataset.job;
    const job = this.jobs.find((each) => each.id === id);
    if (!by || !event.altKey || !job || !waits(job)) return;
    event.preventDefault();
    this.move(job, by);
  }

  lift({ target, dataTransfer }) {
    this.lifted = target.closest?.("[data-job]")?.dataset.job ?? null;
    dataTransfer.effectAllowed = "move";
    dataTransfer.setData("text/plain", "");
  }

  /** The waiting job above which the pointer is; "" is the end, null no place. */
  target(event) {
    const item = event.target.closest?.("[data-job]"), job = this.jobs.find(({ id }) => id === item?.dataset.job);
    if (!this.lifted || !job || !waits(job)) return null;
    const { top, height } = item.getBoundingClientRect();
    if (event.clientY < top + height / 2) return job.id;
    const waiting = this.jobs.filter(waits);
    return waiting[waiting.indexOf(job) + 1]?.id ?? "";
  }

  over(event) {
    if (this.target(event) !== null) event.preventDefault();
  }

  drop(event) {
    const before = this.target(event);
    if (before === null) return;
    event.preventDefault();
    if (before !== this.lifted) this.put(this.lifted, before);
    this.lifted = null;
  }
}

/** Children in this order; those that stand right stay, so that nothing flickers and no picture loads twice. */
function place(parent, items) {
  const wanted = new Set(items);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  for (const [at, item] of items.entries()) {
    if (parent.children[at] !== item) parent.insertBefore(item, parent.children[at] ?? null);
  }
}
