// The workers that draw, for the administrator: where they are, what they hold and do; each can be drained.
import { h, replaceKeepingFocus, t } from "../core/dom.js";
import { server } from "../core/server.js";

const OFTEN = 2000;      // ms between two looks; the queue changes with every picture

const PHASES = {
  starting: () => t("is starting"), ready: () => t("is ready"), restarting: () => t("is started again"),
  broken: () => t("died too often"),
};

export class WorkerList {
  /** ask(act): does what a button says, tells what went wrong, and looks again */
  constructor(ask) {
    Object.assign(this, { ask, since: 0, looks: 0 });
    this.items = h("ul.queue-jobs", {});
    this.root = h("details.queue-workers", { hidden: true, ontoggle: () => this.look() },
      h("summary", {}, t("Workers")), this.items);
  }

  /** Look again, not too often. Of one worker alone nothing is shown: the queue as a whole says it all. */
  refresh() { return Date.now() - this.since < OFTEN ? null : this.look(); }

  async look() {
    const look = ++this.looks;
    this.since = Date.now();
    const { workers } = await server.workers().catch(() => ({ workers: null }));
    if (!workers || look !== this.looks) return;      // nobody answered, or what was asked later knows more
    const several = workers.length > 1;
    this.root.hidden = !several;
    replaceKeepingFocus(this.items, several ? workers.map((each) => this.item(each)) : []);
  }

  item(worker) {
    const { name, draining } = worker;
    const button = h("button.queue-clear", {
      type: "button", onclick: () => this.ask(() => server.setWorkerMode(name, draining ? "open" : "draining")),
      title: draining ? t("Give it jobs again") : t("It finishes what it has, and is given nothing more"),
    }, draining ? t("Resume") : t("Drain"));
    const told = h("div.queue-told", {}, h("p.queue-title", {}, [name, ...has(worker)].join(" · ")),
      h("p.queue-state", {}, doing(worker)));
    return h("li.queue-job", {}, told, h("div.queue-buttons", {}, button));
  }
}

/** What a worker has, as far as it has told: "NVIDIA L40S", "float16", "48.3 GB". */
function has({ device, precision, memory }) {
  return [device, precision, memory ? t("{n} GB", { n: (memory / 1e9).toFixed(1) }) : ""].filter(Boolean);
}

/** "is started again · no answer within 120 seconds", "is ready · 2 jobs · 5 pictures · holds easel-stickers". */
function doing({ phase, reason, draining, loading, models, jobs, pictures }) {
  return [
    draining ? t("is being drained") : PHASES[phase]?.() ?? phase,
    reason,
    loading ? t("loads {name}", { name: loading }) : null,
    ...jobs ? atWork(jobs, pictures) : [t("has nothing to do")],
    models.length ? t("holds {names}", { names: models.join(", ") }) : null,
  ].filter(Boolean).join(" · ");
}

/** The numbers of what a worker has in hand, in words. */
function atWork(jobs, pictures) {
  return [
    jobs === 1 ? t("1 job") : t("{n} jobs", { n: jobs }),
    pictures === 1 ? t("1 picture") : t("{n} pictures", { n: pictures }),
  ];
}
