// What the queue's list shows and in which order, without a page.
import { UNFINISHED } from "../core/job_states.js";

export const FILTERS = [
  ["Waiting and at work", UNFINISHED],
  ["Done", ["done"]],
  ["Failed", ["failed"]],
  ["Interrupted", ["interrupted"]],
  ["All", [...UNFINISHED, "done", "failed", "interrupted"]],
];

/** Can it still be moved? The server has the last word. */
export const waits = ({ state }) => state === "queued";

/** The job (its id, "" is the end) before which one goes that moves by so many places; null: it stays. */
export function movedBefore(jobs, id, by) {
  const waiting = jobs.filter(waits).map((job) => job.id);
  const from = waiting.indexOf(id), to = from + by;
  if (from < 0 || to < 0 || to >= waiting.length) return null;
  return waiting[by > 0 ? to + 1 : to] ?? "";
}

/** Midnight, in seconds of the epoch, of the day that began so many days before `now` (a Date). */
export const startOfDay = (now, before = 0) =>
  new Date(now.getFullYear(), now.getMonth(), now.getDate() - before).getTime() / 1000;

/** The list once a job has been put before another: shown at once, the server tells the rest. */
export function withMoved(jobs, id, before) {
  const moved = jobs.find((job) => job.id === id), others = jobs.filter((job) => job !== moved);
  const lastWaiting = others.findLastIndex(waits);
  const found = others.findIndex((job) => job.id === before);
  const at = found < 0 ? lastWaiting + 1 : found;
  return [...others.slice(0, at), moved, ...others.slice(at)];
}

/** The list with how far the jobs at work are. */
export function withProgress(jobs, running) {
  const news = new Map(running.map((each) => [each.id, each]));
  return jobs.map((job) => (news.has(job.id) ? { ...job, ...news.get(job.id) } : job));
}

/** Pages put together: a job that has moved from one to another while they were asked for stands in the first alone. */
export function joined(pages) {
  const seen = new Map();
  for (const job of pages.flat()) if (!seen.has(job.id)) seen.set(job.id, job);
  return [...seen.values()];
}

/** What becomes of a job, in words: [text, gaps]. */
export function stateWords({ state, paused, ahead, fraction, made, asked }, mode) {
  if (state === "queued" && paused) return ["Paused", {}];
  if (state === "queued" && mode !== "open") return ["Waiting, the queue is paused", {}];
  if (state === "queued") return ahead ? ["Waiting, {n} ahead", { n: ahead }] : ["Waiting, next", {}];
  if (state === "running") return ["{percent} %", { percent: Math.round(100 * fraction) }];
  if (state === "done") return ["Done", {}];
  if (state === "failed") return ["Failed", {}];
  return made ? ["Interrupted, {n} of {total} finished", { n: made, total: asked }] : ["Cancelled", {}];
}
