// A job's records as they come: told by the server while somebody looks at the tab, asked for otherwise.
import { Lost, parsed, server } from "../core/server.js";

const ENDED = new Set(["done", "interrupted", "failed"]);

export const hasEnded = ({ state }) => ENDED.has(state);

// Milliseconds.
const TIMES = {
  poll: 300,         // between two questions where there is no stream
  unseen: 2000,      // the same while nobody looks: a browser has six connections to a server, for all its tabs
  lost: 1000,        // the same while nobody answers
  first: 1500,       // in which a stream must have begun
  silent: 5000,      // after which the server is asked whether somebody in between holds a quiet stream back
};

export class JobFeed {
  record = null;
  heard = 0;           // records so far
  gone = false;        // there is no such job any more
  over = false;        // nothing more will come
  doubted = false;     // a stream has been silent for long
  wake = () => {};

  /** take: called with each record; answers: told whether the server does; isSeen: does somebody look at the tab?
   *
   * Call `wake` when that changes.
   */
  constructor(id, { take, answers, isSeen }, times = TIMES) {
    Object.assign(this, { id, take, answers, isSeen, times, streams: typeof EventSource !== "undefined" });
  }

  /** Resolves once the job has ended or is gone, or `stop` was called. */
  async run() {
    while (!this.over) {
      const known = this.record, found = await this.ask();
      if (this.over) return;
      if (found && this.doubted && this.isNews(known, found)) this.streams = false;
      this.doubted = false;
      if (found) this.hear(found);
      if (found && this.streams && this.isSeen()) await this.listen();
      else await this.rest(found ? this.pace : this.times.lost);
    }
  }

  stop() {
    this.over = true;
    this.wake();
  }

  look() { return server.job(this.id); }

  address() { return server.jobEvents(this.id); }

  isLast(record) { return hasEnded(record); }

  /** Does a record tell of anything that another does not? Its time left always changes. */
  isNews(known, found) {
    return ["state", "ahead", "step", "made", "preview"].some((name) => known[name] !== found[name]);
  }

  get pace() { return this.isSeen() ? this.times.poll : this.times.unseen; }

  /** The record, or null while nobody answers. */
  async ask() {
    try {
      const found = await this.look();
      this.answers(true);
      return found;
    } catch (error) {
      if (!(error instanceof Lost)) this.gone = this.over = true;
      else if (!this.over) this.answers(false);
      return null;
    }
  }

  hear(record) {
    if (this.over) return;
    this.record = record;
    this.heard++;
    this.over = this.isLast(record);
    this.take(record);
  }

  /** What the server tells, until it breaks off, has been silent for long, or nobody looks any more. */
  async listen() {
    const stream = new EventSource(this.address()), before = this.heard;
    let late = false, broken = false;
    stream.onmessage = ({ data }) => { this.hear({ ...this.record, ...parsed(data) }); this.wake(); };
    stream.onerror = () => { broken = true; this.wake(); };
    while (!this.over && !late && !broken && this.isSeen())
      late = await this.rest(this.heard === before ? this.times.first : this.times.silent);
    stream.close();
    this.doubted = late;
    if (this.heard === before && (late || broken)) this.streams = false;      // refused, or held back whole
  }

  /** Until the time is up, which resolves as true, or there is reason to look. */
  rest(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(true), this.over ? 0 : ms);
      this.wake = () => { clearTimeout(timer); resolve(false); };
    });
  }
}
