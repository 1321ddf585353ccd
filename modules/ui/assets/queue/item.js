// One job in a list: built once, and kept up to date while it is worked on.
import { duration, h, iconButton, markGone, moment, t } from "../core/dom.js";
import { server } from "../core/server.js";
import { hasEnded } from "../generation/job_feed.js";
import { stateWords, waits } from "./order.js";
import { FORMS } from "./show.js";

// kinds without a text of their own
const NAMES = {
  embed_pictures: "Looking at the library's pictures", interrogate: "Putting a picture into words",
  control_map: "Making a map of a picture",
};

const ofAForm = ({ kind }) => FORMS.includes(kind);

/** What changes at every step: the rest tells whether an item must be built anew. */
const withoutProgress = ({ step, fraction, eta, preview, previews, ...job }) => job;

export class JobItem {
  /** acts: what the buttons do, each called with the job; `show` with a picture's index, too */
  constructor(job, mode, acts) {
    this.shape = shapeOf(job, mode);
    this.state = h("p.queue-state");
    this.bar = job.state === "running" ? h("progress", { max: 1, ariaLabel: t("Progress") }) : null;
    this.preview = job.state === "running" ? h("span.queue-picture") : null;
    const told = h("div.queue-told", {}, title(job, acts), this.state, this.bar);
    const attributes = { draggable: waits(job), "data-job": job.id, "data-state": job.state };
    this.element = h("li.queue-job", attributes, pictures(job, this.preview, acts), told, buttons(job, acts));
    this.element.classList.toggle("paused", Boolean(job.paused));
    this.follow(job, mode);
  }

  /** Does it show such a job, but for how far it is? */
  fits(job, mode) { return this.shape === shapeOf(job, mode); }

  follow(job, mode) {
    this.state.replaceChildren(...told(job, mode));
    if (this.bar) this.bar.value = job.fraction;
    if (this.preview) this.drawPreview(job);
  }

  /** The newest preview, once it has loaded, so that nothing blinks. */
  async drawPreview({ id, preview, previews }) {
    const number = previews || Number(/n=(\d+)/.exec(preview ?? "")?.[1]);
    if (!number || number === this.number || this.loading) return;
    Object.assign(this, { number, loading: true });
    const image = h("img", { alt: "", draggable: false, src: server.preview(id, number) });
    const loaded = await image.decode().then(() => true, () => false);
    this.loading = false;
    if (loaded) this.preview.replaceChildren(image);
  }
}

const shapeOf = (job, mode) => JSON.stringify([withoutProgress(job), mode]);

/** The newest pictures, the newest last, and the one in the making. */
function pictures(job, preview, acts) {
  const single = job.pictures.filter(({ kind }) => kind !== "grid"), whole = single.filter((each) => each.whole);
  const shown = whole.length ? whole : single;
  const made = shown.map(({ index }, i) => {
    const image = h("img", { src: server.thumbnail(job.id, index), alt: "", loading: "lazy", draggable: false,
      onerror: () => markGone(image) });
    const name = t("Show picture {n} and its form", { n: i + 1 });
    const show = { type: "button", title: name, ariaLabel: name, onclick: () => acts.show(job, index) };
    return ofAForm(job) ? h("button.queue-picture", show, image) : h("span.queue-picture", {}, image);
  });
  const all = preview ? [...made, preview] : made;
  return h("div.queue-pictures", {}, ...(all.length ? all : [h("span.queue-picture")]));
}

function title(job, acts) {
  const text = job.params.prompt || job.params.name || t(NAMES[job.kind] ?? job.kind), shown = text.slice(0, 200);
  const hint = text.slice(0, 500);
  return ofAForm(job)
    ? h("button.queue-title", { type: "button", title: hint, onclick: () => acts.show(job, null) }, shown)
    : h("p.queue-title", { title: hint }, shown);
}

/** created: seconds of the epoch */
const clock = (created) => moment(new Date(created * 1000), { hour: "2-digit", minute: "2-digit" });

function told(job, mode) {
  const [words, gaps] = stateWords(job, mode);
  const time = job.state === "running" ? job.eta : job.state === "queued" ? job.wait : null;
  const parts = [
    t(words, gaps),
    hasEnded(job) ? clock(job.created) : null,
    time === null || time === undefined ? null : t("about {time}", { time: duration(time) }),
    job.asked > 1 ? t("{n} pictures", { n: job.asked }) : null,
    job.params.width ? `${job.params.width} × ${job.params.height}` : null,
  ];
  const error = job.error ? [h("span.wrong", {}, job.error.message)] : [];
  return [parts.filter(Boolean).join(" · "), h("span.queue-kind", {}, ` · ${job.kind}`), ...error];
}

function buttons(job, acts) {
  const button = (icon, name, act) => iconButton(icon, t(name), () => acts[act](job));
  const found = [];
  if (waits(job)) found.push(button("up", "Move up", "up"), button("down", "Move down", "down"));
  if (waits(job) && job.paused) found.push(button("resume", "Let it go on", "resume"));
  else if (waits(job)) found.push(button("pause", "Pause", "pause"));
  if (!hasEnded(job)) found.push(button("close", "Cancel", "cancel"));
  else {
    found.push(button("refresh", "Run again", "again"));
    if ("seed" in job.params) found.push(button("dice", "Run again with a new seed", "anew"));
  }
  if (hasEnded(job)) found.push(button("trash", "Remove from the list", "remove"));
  return h("div.queue-buttons", {}, ...found);
}
