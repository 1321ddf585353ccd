// What the browser does for somebody who waits for pictures: a notification while they look elsewhere, a screen that
// stays on. Each only where its setting is on; the browser asks for leave only when the setting is chosen.
import { facts, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { server } from "../core/server.js";

const wanted = (name) => Boolean(window.opts[name]);

/** After the settings were applied: a browser that was never asked is asked now, and a refusal is told. */
async function askLeave() {
  if (!wanted("notification_browser") || !window.Notification || Notification.permission === "granted") return;
  if (await Notification.requestPermission() !== "granted")
    notice("notify", t("This browser does not let Easel notify you: allow it for this page in the browser."));
}

/** A job of this page has ended: says so to whoever looks elsewhere. record: the job's newest */
export function notifyOfEnd(record) {
  if (!wanted("notification_browser") || window.Notification?.permission !== "granted") return;
  if (document.hasFocus() && !document.hidden) return;
  const pictures = record.pictures.filter(({ whole }) => whole);
  const icon = pictures.length ? server.thumbnail(record.id, pictures[0].index) : undefined;
  const shown = new Notification(facts.title, { body: endInWords(record, pictures.length), icon, tag: record.id });
  shown.onclick = () => { window.focus(); shown.close(); };
}

const endInWords = ({ error }, made) =>
  error ? error.message : made === 1 ? t("Your picture is ready.") : t("{n} pictures are ready.", { n: made });

let lock = null;      // the browser's, while the screen is kept on; null: it may go off
let asking = false;

/** Keeps the screen on while a job runs, and lets it go off after that. */
async function keepAwake(running) {
  if (!running || !wanted("prevent_screen_sleep_during_generation")) {
    await lock?.release();
    lock = null;
  } else if (!lock && !asking && !document.hidden && navigator.wakeLock) {
    asking = true;
    try {
      lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => { lock = null; });      // the browser's own doing: the page was hidden
    } catch { /* low battery: then the screen may go off */ }
    asking = false;
  }
}

/** jobs: those of the page's tabs, each as it comes */
export function watchJob(job, allJobs) {
  const look = () => keepAwake(allJobs().some(({ running }) => running));
  job.onUpdate(look);
  document.addEventListener("visibilitychange", look);
}

export const startNotices = () => window.onOptionsChanged(askLeave);
