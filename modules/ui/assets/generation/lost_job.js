// Where the pictures of a job are of which the server has no record any more.
import { h, t } from "../core/dom.js";
import { shelf } from "../core/shelf.js";

export class LostJob {
  constructor(job) {
    this.element = h("p.lost-job", { role: "status", hidden: true });
    job.onUpdate((record) => { if (record) this.element.hidden = true; });
    job.onLost((id) => this.find(id));
  }

  async find(job) {
    const place = { in: `job:${job}` };
    const { total } = await shelf.list({ ...place, limit: 1 }).catch(() => ({ total: 0 }));
    if (!total) return;
    const show = h("button.library-link", {
      type: "button",
      onclick: () => document.dispatchEvent(new CustomEvent("easel-library", { detail: place })),
    }, t("Show it in the Library"));
    this.element.hidden = false;
    this.element.replaceChildren(`${t("What this tab made last is not lost:")} `, show);
  }
}
