// One job in the queue's list.
import { duration, h, iconButton, t } from "../core/dom.js";
import { server } from "../core/server.js";
import { hasEnded } from "../generation/job_feed.js";
import { stateWords, waits } from "./order.js";

const FORMS = ["txt2img", "img2img", "extras"];      // kinds of jobs that a form asks for

const NAMES = { embed_pictures: "Looking at the library's pictures" };      // kinds without a text of their own

/** acts: what the buttons do, each called with the job */
export function jobItem(job, mode, acts) {
  const item = h("li.queue-job", { draggable: waits(job), "data-job": job.id, "data-state": job.state },
    picture(job), h("div.queue-told", {}, title(job), told(job, mode), bar(job)), buttons(job, acts));
  item.classList.toggle("paused", Boolean(job.paused));
  return item;
}

function picture({ id, pictures, preview }) {
  const newest = pictures.filter(({ whole }) => whole).at(-1) ?? pictures.at(-1);
  const number = /n=(\d+)/.exec(preview ?? "")?.[1];
  const src = newest ? server.thumbnail(id, newest.index) : number ? server.preview(id, number) : null;
  return h("div.queue-picture", {}, ...(src ? [h("img", { src, alt: "", loading: "lazy", draggable: false })] : []));
}

function title({ params, kind }) {
  const text = params.prompt || params.name || t(NAMES[kind] ?? kind);
  return h("p.queue-title", { title: text.slice(0, 500) }, text.slice(0, 200));
}

function told(job, mode) {
  const [words, gaps] = stateWords(job, mode);
  const time = job.state === "running" ? job.eta : job.state === "queued" ? job.wait : null;
  const parts = [
    t(words, gaps),
    time === null || time === undefined ? null : t("about {time}", { time: duration(time) }),
    job.asked > 1 ? t("{n} pictures", { n: job.asked }) : null,
    job.params.width ? `${job.params.width} × ${job.params.height}` : null,
    job.kind,
  ];
  const error = job.error ? [h("span.wrong", {}, job.error.message)] : [];
  return h("p.queue-state", {}, parts.filter(Boolean).join(" · "), ...error);
}

function bar({ state, fraction }) {
  return state === "running" ? h("progress", { max: 1, value: fraction, ariaLabel: t("Progress") }) : null;
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
  if (FORMS.includes(job.kind)) found.push(button("brush", "Edit and run again", "edit"));
  if (hasEnded(job)) found.push(button("trash", "Remove from the list", "remove"));
  return h("div.queue-buttons", {}, ...found);
}
