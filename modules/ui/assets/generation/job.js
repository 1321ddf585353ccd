// One job at a time is followed by each tab of the page: asked about until it has ended.
import { byId, duration, facts, pause, t } from "../core/dom.js";
import { notice, unnotice } from "../core/notices.js";
import { Lost, server } from "../core/server.js";
import { tab as kept } from "../core/storage.js";
import { ring } from "./sound.js";

const EVERY = 300;      // ms between two questions
const ENDED = new Set(["done", "interrupted", "failed"]);
export function createJob(tab) {
  const key = tab === "txt2img" ? "job" : `job.${tab}`;
  const listeners = [];
  let current = null;     // the followed job's newest record
  let turn = 0;           // counts follow() calls: an older loop stops when a newer one begins

  const job = {
    get current() { return current; },
    get running() { return current !== null && !ENDED.has(current.state); },
    onUpdate: (listener) => listeners.push(listener),
    follow,
    interrupt: () => job.running && command(server.interrupt),
    skip: () => job.running && command(server.skip),      // the rest of the job goes on
    resume,
    newest,
  };

  /** Show this job from now on; resolves when it has ended (or another is followed). fresh: its end is news, however soon it comes */
  async function follow(id, fresh = false) {
    const mine = ++turn;
    kept.set(key, id);
    tell({ id, state: "queued", ahead: 0, step: 0, steps: 0, fraction: 0, eta: null, preview: null, pictures: [], warnings: [], params: {}, error: null });
    while (mine === turn) {
      const found = await look(id);
      if (mine !== turn) return;
      if (found === "gone") return forget();
      if (found) tell(found);
      if (found && ENDED.has(found.state)) return fresh && ring();
      fresh ||= Boolean(found);
      await pause(found ? EVERY : 1000);
    }
  }

  async function look(id) {
    try {
      const found = await server.job(id);
      unnotice("connection");
      return found;
    } catch (error) {
      if (!(error instanceof Lost)) return "gone";
      notice("connection", t("Connection lost. Trying again…"), 0);
      return null;
    }
  }

  function tell(record) {
    current = record;
    byId(`${tab}_page`)?.classList.toggle("running", job.running);
    document.title = title();
    for (const listener of listeners) listener(record);
  }

  function forget() {
    kept.set(key, null);
    current = null;
    byId(`${tab}_page`)?.classList.remove("running");
    document.title = facts.title;
    for (const listener of listeners) listener(null);
  }

  function title() {
    if (!job.running) return facts.title;
    if (current.state === "queued") return `${t("waiting")} · ${facts.title}`;
    const left = current.eta === null ? "" : ` · ${duration(current.eta)}`;
    return `${Math.round(current.fraction * 100)} %${left} · ${facts.title}`;
  }

  async function command(what) {
    try {
      await what(current.id);
    } catch {
      notice("command", t("The server did not answer. Please try again."));
    }
  }

  /** After a reload: the job this tab was following, running or ended. */
  function resume() {
    const id = kept.get(key);
    if (id) follow(id);
  }

  /** The newest job of this person, whichever tab asked for it. */
  async function newest() {
    try {
      const [found] = await server.jobs(1);
      if (found) await follow(found.id);
      else notice("newest", t("There is no job yet."));
    } catch {
      notice("newest", t("The server did not answer. Please try again."));
    }
  }

  return job;
}
