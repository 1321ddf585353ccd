// One job at a time is followed by each tab of the page.
import { byId, duration, facts, t, visible } from "../core/dom.js";
import { connected, notice } from "../core/notices.js";
import { server } from "../core/server.js";
import { tab as kept } from "../core/storage.js";
import { hasEnded, JobFeed } from "./job_feed.js";
import { notifyOfEnd } from "./notify.js";
import { ring } from "./sound.js";

const QUEUED = {
  state: "queued",
  ahead: 0,
  step: 0,
  steps: 0,
  fraction: 0,
  eta: null,
  preview: null,
  pictures: [],
  warnings: [],
  params: {},
  error: null,
};

export class Job {
  constructor(tab) {
    const key = tab === "txt2img" ? "job" : `job.${tab}`;
    Object.assign(this, { tab, key, listeners: [], bereaved: [], waiting: [] });
    this.current = null;      // the followed job's newest record
    this.feed = null;         // whence its records come
    document.addEventListener("visibilitychange", () => this.feed?.wake());
    window.onUiTabChange(() => this.feed?.wake());
  }

  get running() { return this.current !== null && !hasEnded(this.current); }

  onUpdate(listener) { this.listeners.push(listener); }

  onLost(listener) { this.bereaved.push(listener); }

  /**
   * Show this job from now on; resolves when it has ended (or another is followed). fresh: its end is news, however
   * soon it comes
   */
  async follow(id, fresh = false) {
    this.feed?.stop();
    const isSeen = () => !document.hidden && visible(`${this.tab}_page`);
    const feed = this.feed = new JobFeed(id, { take: (record) => this.tell(record), answers: connected, isSeen });
    kept.set(this.key, id);
    this.tell({ id, ...QUEUED });
    await feed.run();
    if (feed !== this.feed) return;
    if (feed.gone) this.forget(id);
    else if (fresh || feed.heard > 1) this.announce();
  }

  /** Its end is news: heard, and told to whoever looks elsewhere. */
  announce() {
    ring();
    if (this.current) notifyOfEnd(this.current);
  }

  /** record: null if there is none any more */
  tell(record) {
    this.current = record;
    this.showRunning();
    document.title = this.title();
    for (const listener of this.listeners) listener(record);
    if (!this.running) for (const go of this.waiting.splice(0)) go();
  }

  /** Generate gives way to Interrupt while a job runs; the focus goes with it. */
  showRunning() {
    const focused = document.activeElement?.id ?? "", begins = focused === `${this.tab}_generate`;
    byId(`${this.tab}_page`)?.classList.toggle("running", this.running);
    if (this.running && begins) byId(`${this.tab}_interrupt`).focus({ preventScroll: true });
    if (!this.running && [`${this.tab}_interrupt`, `${this.tab}_skip`].includes(focused))
      byId(`${this.tab}_generate`).focus({ preventScroll: true });
  }

  /** The server knows of the job no more; `onLost` listeners are told which it was. */
  forget(id) {
    kept.set(this.key, null);
    this.tell(null);
    for (const listener of this.bereaved) listener(id);
  }

  title() {
    if (!this.running) return facts.title;
    const { state, eta, fraction } = this.current;
    if (state === "queued") return `${t("waiting")} · ${facts.title}`;
    return `${Math.round(fraction * 100)} %${eta === null ? "" : ` · ${duration(eta)}`} · ${facts.title}`;
  }

  interrupt() { return this.running && this.command(server.interrupt); }

  /** Gives up one picture; the rest of the job goes on. */
  skip() { return this.running && this.command(server.skip); }

  async command(what) {
    try {
      await what(this.current.id);
    } catch {
      notice("command", t("The server did not answer. Please try again."));
    }
  }

  /** Resolves once no job of this tab runs. */
  ended() {
    return new Promise((resolve) => { if (this.running) this.waiting.push(resolve); else resolve(); });
  }

  /** After a reload: the job this tab was following, running or ended; resolves as `follow` does. */
  resume() {
    const id = kept.get(this.key);
    return id ? this.follow(id) : Promise.resolve();
  }

  /** The newest job of this person that makes pictures, whichever tab asked for it. */
  async newest() {
    try {
      const [found] = await server.jobs(1, Object.keys(facts.forms));
      if (found) await this.follow(found.id);
      else notice("newest", t("There is no job yet."));
    } catch {
      notice("newest", t("The server did not answer. Please try again."));
    }
  }
}
