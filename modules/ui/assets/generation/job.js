// One job at a time is followed by each tab of the page: asked about until it has ended.
import { byId, duration, facts, pause, t } from "../core/dom.js";
import { notice, unnotice } from "../core/notices.js";
import { Lost, server } from "../core/server.js";
import { tab as kept } from "../core/storage.js";
import { ring } from "./sound.js";

const EVERY = 300;      // ms between two questions
const ENDED = new Set(["done", "interrupted", "failed"]);
const QUEUED = { state: "queued", ahead: 0, step: 0, steps: 0, fraction: 0, eta: null, preview: null, pictures: [], warnings: [], params: {}, error: null };

export class Job {
  constructor(tab) {
    Object.assign(this, { tab, key: tab === "txt2img" ? "job" : `job.${tab}`, listeners: [], waiting: [] });
    this.current = null;      // the followed job's newest record
    this.turn = 0;            // counts follow() calls: an older loop stops when a newer one begins
  }

  get running() { return this.current !== null && !ENDED.has(this.current.state); }

  onUpdate(listener) { this.listeners.push(listener); }

  /** Show this job from now on; resolves when it has ended (or another is followed). fresh: its end is news, however soon it comes */
  async follow(id, fresh = false) {
    const mine = ++this.turn;
    kept.set(this.key, id);
    this.tell({ id, ...QUEUED });
    while (mine === this.turn) {
      const found = await this.look(id);
      if (mine !== this.turn) return;
      if (found === "gone") return this.forget();
      if (found) this.tell(found);
      if (found && ENDED.has(found.state)) return fresh && ring();
      fresh ||= Boolean(found);
      await pause(found ? EVERY : 1000);
    }
  }

  async look(id) {
    try {
      const found = await server.job(id);
      unnotice("connection");
      return found;
    } catch (error) {
      if (!(error instanceof Lost)) return "gone";
      notice("connection", t("Connection lost. Trying again…"), 0);
      return null;
    }
  }

  /** record: null if there is none any more */
  tell(record) {
    this.current = record;
    byId(`${this.tab}_page`)?.classList.toggle("running", this.running);
    document.title = this.title();
    for (const listener of this.listeners) listener(record);
    if (!this.running) for (const go of this.waiting.splice(0)) go();
  }

  forget() {
    kept.set(this.key, null);
    this.tell(null);
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

  /** After a reload: the job this tab was following, running or ended. */
  resume() {
    const id = kept.get(this.key);
    if (id) this.follow(id);
  }

  /** The newest job of this person, whichever tab asked for it. */
  async newest() {
    try {
      const [found] = await server.jobs(1);
      if (found) await this.follow(found.id);
      else notice("newest", t("There is no job yet."));
    } catch {
      notice("newest", t("The server did not answer. Please try again."));
    }
  }
}
