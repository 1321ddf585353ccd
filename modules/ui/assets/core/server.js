// The server's /easel/v1 endpoints.
import { h, t, told } from "./dom.js";
import { notice } from "./notices.js";
import { waitedFor } from "./waits.js";

const BASE = new URL("../../v1/", import.meta.url);
const MOST_ALIVE = 60_000;      // bytes of a request that outlives the page: browsers refuse a larger one

/** The server said no: `reply` has error, message, hint. */
export class Refused extends Error {
  constructor({ error, errors, hint, detail }, status) {
    super(errors || `HTTP ${status}`);
    this.reply = { error, message: this.message, hint };
    this.field = Array.isArray(detail) ? detail[0]?.loc?.at(-1) : undefined;
  }
}

/** No answer at all, or none that makes sense: try again later. */
export class Lost extends Error {}

/** Seeds may be larger than a number can hold: those stay text. */
const exact = (_key, value, context) =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
    ? context.source
    : value;

/** What the server says to people: the page words it in its language, wherever it is shown. */
const SAID = new Set(["errors", "message", "hint", "warnings", "problem", "problems", "notes", "why", "reason"]);

const worded = (name, value) => {
  if (!SAID.has(name)) return value;
  return Array.isArray(value) ? value.map(told) : told(value);
};

export const parsed = (text) => JSON.parse(text, (name, value, context) => worded(name, exact(name, value, context)));

/**
 * The reply to a request, whose body is a file or becomes JSON; throws Refused or Lost. outlives: it outlives the page,
 * unless it is too large
 */
export async function ask(path, method = "GET", body = undefined, outlives = false) {
  const raw = body instanceof Blob, sent = body && (raw ? body : JSON.stringify(body));
  const headers = {
    "Content-Type": raw ? "application/octet-stream" : "application/json", "X-Requested-With": "easel",
  };
  const keepalive = outlives && new Blob([sent]).size < MOST_ALIVE;
  const options = { method, headers, body: sent, cache: "no-store", keepalive };
  let response, text;
  try {
    [response, text] = await waitedFor(answered(new URL(path, BASE), options), path, sent?.length ?? sent?.size ?? 0);
  } catch (error) {
    throw new Lost(String(error));
  }
  let reply = null;
  try { reply = text ? parsed(text) : null; } catch { /* not ours: a proxy's page */ }
  if (response.ok && (reply !== null || response.status === 204)) return reply;
  const refused = method !== "GET" && reply?.error;      // a queue that takes no jobs says so with a 503
  if (response.ok || ([502, 503, 504].includes(response.status) && !refused)) throw new Lost(`HTTP ${response.status}`);
  if (response.status === 401) loggedOut();
  throw new Refused(reply ?? {}, response.status);
}

async function answered(address, options) {
  const response = await fetch(address, options);
  return [response, await response.text()];
}

/** The session has ended: what is typed stays here until somebody logs in again. */
function loggedOut() {
  const login = h("a", { href: new URL("../../login", BASE).href }, t("Log in"));
  notice("login", [t("You are no longer logged in."), " ", login], 0);
}

/** A file as a data: address. */
export function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** What went wrong, in words: { message, hint }. */
export function inWords(error) {
  if (error instanceof Lost)
    return { message: t("The server did not answer."), hint: t("Is it still running? Nothing you typed is lost.") };
  return { message: error.reply?.message ?? String(error), hint: error.reply?.hint ?? "" };
}

/** The same as one text, with what to do about it. */
export function reasonOf(error) {
  const { message, hint } = inWords(error);
  return [message, hint].filter(Boolean).join(" ");
}

const NEWEST = 100;      // pictures of a job that are shown: a folder may have thousands
const job = (id) => `jobs/${encodeURIComponent(id)}`;

const card = (id) => `cards/${encodeURIComponent(id)}`;

/** The whole address of one of the server's paths. */
export const addressOf = (path) => new URL(path, BASE).href;

/** Wishes as a query; one that is empty is none. */
export const query = (wishes) =>
  new URLSearchParams(Object.entries(wishes).filter(([, value]) => value !== "" && value !== null));

const coming = new Set();      // pictures on their way to the server

function onItsWay(sending) {
  const over = () => coming.delete(sending);
  coming.add(sending);
  sending.then(over, over);
  return sending;
}

/** Resolves once the pictures that were sent before have arrived, or have not. */
export const arrived = () => Promise.allSettled([...coming]);

export const server = {
  state: (checkpoint, seen) => ask(`state?${new URLSearchParams({ checkpoint, seen })}`),
  choose: (values) => ask("choice", "POST", values),
  choices: () => ask("choices"),
  drafts: () => ask("drafts"),
  draft: (name) => ask(`drafts/${name}`),
  keepDraft: (name, draft) => ask(`drafts/${name}`, "POST", draft, true),
  sketch: (name) => addressOf(`sketches/${name}`),
  keepSketch: (name, packed, about) => ask(`sketches/${name}?${new URLSearchParams(about)}`, "POST", packed),
  refreshChoices: () => ask("choices/refresh", "POST"),
  begin: (request) => ask("jobs", "POST", request),
  jobs: (limit, kinds) => ask(`jobs?limit=${limit}&kinds=${kinds.join(",")}`),
  job: (id) => ask(`${job(id)}?newest=${NEWEST}`),
  jobEvents: (id) => addressOf(`${job(id)}/events?newest=${NEWEST}`),
  interrupt: (id) => ask(`${job(id)}/interrupt`, "POST"),
  skip: (id) => ask(`${job(id)}/skip`, "POST"),
  estimate: (request) => ask("jobs/estimate", "POST", request),
  plotAxes: (tab) => ask(`plots/axes/${tab}`),
  plot: (id) => ask(`${job(id)}/plot`),      // → { script, axes, each, drawn, votes, grids }
  plotFile: (id, form) => addressOf(`${job(id)}/plot/${form}`),
  infotext: (id, index) => ask(`${job(id)}/pictures/${index}/infotext`),
  vote: (id, two) => ask(`${job(id)}/votes`, "POST", two),
  save: (id, index) => ask(`${job(id)}/save`, "POST", { index }),
  folder: (id, index) => ask("folder", "POST", { job: id, index: Number.isInteger(index) ? index : null }),
  zip: (id) => addressOf(`${job(id)}/zip`),
  memory: () => ask("../../sdapi/v1/memory"),
  queue: (states, start, limit, kinds = []) =>
    ask(`queue?${query({ states: states.join(","), kinds: kinds.join(","), start, limit })}`),
  queueEvents: () => addressOf("queue/events"),
  everybodysQueue: () => ask("queue/everybody?limit=200"),
  tryWorkerAgain: () => ask("worker/try_again", "POST"),
  workers: () => ask("worker"),
  setWorkerMode: (worker, mode) => ask("worker/mode", "POST", { worker, mode }),
  setQueueMode: (mode) => ask("queue/mode", "POST", { mode }),
  clearQueue: (states) => ask("queue/clear", "POST", { states }),
  queued: (id, what, body = {}) => ask(`queue/${encodeURIComponent(id)}/${what}`, "POST", body),
  queuedRequest: (id) => ask(`queue/${encodeURIComponent(id)}/request`),
  queuedInput: (id, place) => addressOf(`queue/${encodeURIComponent(id)}/inputs/${place}`),
  thumbnail: (id, index) => addressOf(`${job(id)}/pictures/${index}/thumbnail`),
  saveDefaults: (tab, values) => ask("form-defaults", "POST", { tab, values }),
  settings: () => ask("../../sdapi/v1/options"),
  changeSettings: (values, mine) => ask(`../../sdapi/v1/options${mine ? "?mine=true" : ""}`, "POST", values),
  tokens: (prompt, steps, is_positive) => ask("tokens", "POST", { prompt, steps, is_positive }),
  readInfotext: (text, tab, now = {}, source = {}) => ask("read-infotext", "POST", { text, tab, now, ...source }),
  compareManifest: (manifest) => ask("compare-manifest", "POST", { manifest }),
  keep: (file) => onItsWay(dataUrl(file).then((image) => ask("inputs", "POST", { image }))),
  input: (name) => addressOf(`inputs/${name}`),
  interrogate: (image) => ask("../../sdapi/v1/interrogate", "POST", { image }),
  pngInfo: (image) => ask("../../sdapi/v1/png-info", "POST", { image }),
  cards: (wishes) => ask(`cards?${query(wishes)}`),      // → { total, folders, families, cards }
  card: (id) => ask(card(id)),
  changeCard: (id, patch) => ask(card(id), "PATCH", patch),
  usePicture: (id, { job, index }) => ask(`${card(id)}/preview`, "PUT", { job, index }),
  refreshCards: () => ask("cards/refresh", "POST"),
  // named from the server's own root, which need not be the site's
  cardPicture: (url) => addressOf(url.replace(/^\/easel\/v1\//, "")),
  preview: (id, number) => addressOf(`${job(id)}/preview?n=${number}`),
  sound: addressOf("notification.mp3"),
  picture: (id, index) => addressOf(`${job(id)}/pictures/${index}`),
};
