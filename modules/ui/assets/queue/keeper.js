// What the administrator may do with the queue as a whole, and with anybody's jobs.
import { h, iconButton, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { inWords, server } from "../core/server.js";
import { WorkerList } from "./workers.js";

const MODES = [["open", "Open"], ["paused", "Pause all"], ["draining", "Drain"]];

export class Keeper {
  constructor(changed) {
    this.changed = changed;
    this.modes = h("div.queue-modes", { role: "group", ariaLabel: t("The queue as a whole") });
    this.others = h("ul.queue-jobs", {});
    const title = h("summary", {}, t("Everybody's jobs"));
    this.fold = h("details.queue-everybody", { ontoggle: () => this.refresh() }, title, this.others);
    this.workers = new WorkerList((act) => this.ask(act));
    this.root = h("div.queue-keeper", { hidden: true }, this.modes, this.workers.root, this.fold);
  }

  /** mode: of the queue; keeper: may this person? accounts: are there several people? */
  show({ mode, keeper, accounts }) {
    this.root.hidden = !keeper;
    this.fold.hidden = !accounts;
    if (keeper) this.workers.refresh();
    if (this.mode === mode) return;
    this.mode = mode;
    this.modes.replaceChildren(...MODES.map(([name, words]) =>
      h("button", { type: "button", "aria-pressed": String(name === mode), onclick: () => this.set(name) }, t(words))));
  }

  set(mode) { return this.ask(() => server.setQueueMode(mode)); }

  async refresh() {
    if (this.root.hidden || !this.fold.open) return;
    const { jobs } = await server.everybodysQueue().catch(() => ({ jobs: [] }));
    this.others.replaceChildren(...jobs.map((job) => this.item(job)));
  }

  item({ id, owner, kind, state, made, asked }) {
    const words = `${owner} · ${kind} · ${t("{n} of {total}", { n: made, total: asked })} · ${t(state)}`;
    const cancel = iconButton("close", t("Cancel"), () => this.ask(() => server.queued(id, "cancel")));
    const told = h("div.queue-told", {}, h("p.queue-state", {}, words));
    return h("li.queue-job", {}, told, h("div.queue-buttons", {}, cancel));
  }

  async ask(act) {
    try { await act(); } catch (error) { notice("queue", inWords(error).message); }
    await Promise.all([this.changed(), this.refresh(), this.workers.look()]);
  }
}
