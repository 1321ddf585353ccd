// A picture made again from its data, and how far the new one is the same.
import { h, number, t } from "../core/dom.js";
import { reasonOf, server } from "../core/server.js";
import { shelf } from "../core/shelf.js";
import { JobFeed } from "../generation/job_feed.js";

export class Again {
  /** compare(picture, url): show both */
  constructor(compare) {
    this.compare = compare;
    this.lines = new Map();      // by a picture's id
  }

  /** What is known of a picture that was made again; null if it was not. */
  line({ id }) { return this.lines.get(id) ?? null; }

  async run(picture) {
    const line = h("p.library-again", { role: "status" }, t("Making it again…"));
    this.lines.set(picture.id, line);
    try {
      const { job } = await shelf.again(picture.id);
      const record = await this.follow(job, line);
      if (record?.state === "done") return this.tell(picture, job, line);
      line.textContent = record?.error?.message ?? t("It was not made again.");
    } catch (error) {
      line.textContent = reasonOf(error);
    }
  }

  async follow(job, line) {
    let last = null;
    const feed = new JobFeed(job, {
      take: (record) => { last = record; line.textContent = during(record); }, answers: () => {},
      isSeen: () => !document.hidden,
    });
    await feed.run();
    return last;
  }

  async tell(picture, job, line) {
    const { reproduces, max_difference: most, differing_pixels: pixels } = await shelf.compareAgain(picture.id, job);
    const words = reproduces ? t("Reproduces: yes") : t("Reproduces: no");
    const how = most === 0 ? t("the same to the last pixel")
      : t("largest difference {most} of 255, in {pixels} pixels", { most, pixels: number(pixels ?? 0) });
    line.classList.toggle("differs", !reproduces);
    const compare = h("button.card-button", {
      type: "button", onclick: () => this.compare(picture, server.picture(job, 0)),
    }, t("Compare"));
    line.replaceChildren(`${words}, ${Number.isFinite(most) ? how : t("another size")}`, compare);
  }
}

const during = ({ state, fraction, ahead }) => {
  if (state === "queued") return ahead ? t("Making it again: {n} ahead", { n: ahead }) : t("Making it again…");
  return t("Making it again: {n} %", { n: Math.round((fraction ?? 0) * 100) });
};
