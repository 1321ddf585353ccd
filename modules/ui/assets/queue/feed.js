// The queue's state as it comes: told by the server while somebody looks, asked for where there is no stream.
import { server } from "../core/server.js";
import { JobFeed } from "../generation/job_feed.js";
import { UNFINISHED } from "./order.js";

const TIMES = { poll: 1500, unseen: 10000, lost: 1500, first: 3000, silent: 20000 };      // ms, as in job_feed.js

export class QueueFeed extends JobFeed {
  constructor(hears) { super("", hears, TIMES); }

  look() { return server.queue(UNFINISHED, 0, 1); }

  address() { return server.queueEvents(); }

  isLast() { return false; }

  isNews(known, found) { return known.revision !== found.revision; }
}
