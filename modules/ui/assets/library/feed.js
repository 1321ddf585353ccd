// The library's state as it comes: told by the server while somebody looks, asked for where there is no stream.
import { shelf } from "../core/shelf.js";
import { JobFeed } from "../generation/job_feed.js";

const TIMES = { poll: 4000, unseen: 15000, lost: 2000, first: 4000, silent: 30000 };      // ms, as in job_feed.js

export class LibraryFeed extends JobFeed {
  constructor(hears) { super("", hears, TIMES); }

  async look() {
    const { revision } = await shelf.list({ limit: 1 });
    return { revision };
  }

  address() { return shelf.events(); }

  isLast() { return false; }

  isNews(known, found) { return known.revision !== found.revision; }
}
