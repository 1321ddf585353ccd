// The queue's state as it comes: told by the server while somebody looks, asked for where there is no stream.
import { t } from "../core/dom.js";
import { UNFINISHED } from "../core/job_states.js";
import { server } from "../core/server.js";
import { JobFeed } from "../generation/job_feed.js";

const TIMES = { poll: 1500, unseen: 10000, lost: 1500, first: 3000, silent: 20000 };      // ms, as in job_feed.js

export class QueueFeed extends JobFeed {
  constructor(hears) { super("", hears, TIMES); }

  look() { return server.queue(UNFINISHED, 0, 1); }

  address() { return server.queueEvents(); }

  isLast() { return false; }

  isNews(known, found) { return known.revision !== found.revision; }
}

/** How many jobs there are, in words. */
export const countedJobs = ({ mine, others }) =>
  [mine ? t("{n} of yours", { n: mine }) : t("None of yours"), others ? t("{n} of others", { n: others }) : null]
    .filter(Boolean).join(" · ");
