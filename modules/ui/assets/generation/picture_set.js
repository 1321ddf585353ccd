// The jobs whose pictures a tab shows together: the one it follows, and those that were made of its pictures.
import { tab as kept } from "../core/storage.js";
import { hasEnded, JobFeed } from "./job_feed.js";
import { together } from "./together.js";

export class PictureSet {
  records = new Map();       // by job
  watched = new Set();       // jobs that are not followed and may not have ended
  followed = null;

  /** Remembered over a reload; `loaded` is called when more is known. */
  constructor(tab, loaded) {
    Object.assign(this, { key: `set.${tab}`, loaded });
    this.jobs = kept.get(this.key) ?? [];
  }

  /** The picture, { job, index }, that a job's pictures stand beside; null if there is none. */
  beside(job) { return this.jobs.find(({ id }) => id === job)?.beside ?? null; }

  has(id) { return this.jobs.some((each) => each.id === id); }

  /** A job's pictures will stand beside this one: { job, index }. */
  add(id, beside) {
    this.keep([...this.jobs, { id, beside: this.has(beside.job) ? beside : null }]);
    this.watch(id);
  }

  keep(jobs) {
    this.jobs = jobs;
    kept.set(this.key, jobs);
  }

  /** The followed job's newest record, null without one; one that is not of the set begins another. */
  take(record) {
    if (!record || !this.has(record.id)) {
      this.keep(record ? [{ id: record.id, beside: null }] : []);
      this.records.clear();
    }
    if (record && (record.kind || !this.records.has(record.id))) this.records.set(record.id, record);
    if (record && this.followed !== record.id) {
      this.followed = record.id;
      for (const { id } of this.jobs) this.watch(id);
    }
  }

  /** Until the job has ended, is gone, is followed or is of no interest any more. */
  async watch(id) {
    const wanted = () => this.has(id) && this.followed !== id && !this.ended(id);
    if (this.watched.has(id)) return;
    this.watched.add(id);
    const take = (record) => {
      if (!wanted()) return feed.stop();
      this.records.set(id, record);
      return this.loaded();
    };
    // looked at now and then: a browser has few streams, and those are for jobs that are followed
    const feed = new JobFeed(id, { take, answers: () => {}, isSeen: () => false });
    if (wanted()) await feed.run();
    this.watched.delete(id);
  }

  ended(id) { return this.records.has(id) && hasEnded(this.records.get(id)); }

  pictures() { return together(this.jobs, (id) => this.records.get(id)); }
}
