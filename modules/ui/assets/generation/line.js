// The jobs that a tab has added while one ran, oldest first: it shows each when its turn comes.
import { UNFINISHED } from "../core/job_states.js";
import { server } from "../core/server.js";
import { tab as kept } from "../core/storage.js";

const MOST = 200;      // jobs looked at

export class Line {
  constructor(tab) {
    this.key = `line.${tab}`;
    this.jobs = kept.get(this.key) ?? [];
  }

  join(job) { this.keep([...this.jobs, job]); }

  keep(jobs) {
    this.jobs = jobs.slice(-MOST);
    kept.set(this.key, this.jobs);
  }

  /** The person's unfinished jobs as the server has them: those at work, then in the order in which they begin. */
  async unfinished() {
    if (!this.jobs.length) return [];
    return (await server.queue(UNFINISHED, 0, MOST).catch(() => ({ jobs: [] }))).jobs;
  }

  /** The job to show after `ended`: the next unfinished one, else the newest that has made something; or null. */
  async next(ended) {
    const others = this.jobs.filter((job) => job !== ended);
    const first = (await this.unfinished()).find(({ id }) => others.includes(id));
    this.keep(first ? others : []);
    if (first) return first.id;
    const newest = others.length ? await server.job(others.at(-1)).catch(() => null) : null;
    return newest && (newest.made || newest.error) ? newest.id : null;
  }

  /** What is asked for now goes before what this tab has waiting: Generate means at once. */
  async overtake(job) {
    const waiting = (await this.unfinished()).filter(({ state, paused }) => state === "queued" && !paused);
    const first = waiting.find(({ id }) => this.jobs.includes(id));
    if (!first || !waiting.some(({ id }) => id === job)) return;
    await server.queued(job, "move", { before: first.id }).catch(() => null);      // it may have begun meanwhile
  }
}
