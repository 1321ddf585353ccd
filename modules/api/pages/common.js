// What the pages around accounts share: elements, questions to the server, times.
/** Texts in the page's language, and what the server says (app/wording.js). */
export const { t, told } = window.wording;

export const byId = (id) => document.getElementById(id);

/** Below --subpath: the pages lie beside each other. */
export const BASE = new URL("../", import.meta.url);

/** The server said no, or nothing. said: its own words, in English */
export class Refused extends Error {
  constructor(message, said = "") {
    super(message);
    this.said = said;
  }
}

/** The reply's JSON, or null if it has none. Raises Refused with what to show. */
export async function ask(path, method = "GET", body = undefined) {
  let response;
  try {
    response = await fetch(new URL(path, BASE), {
      method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body), cache: "no-store",
    });
  } catch {
    throw new Refused(t("The server did not answer. Is it still running?"));
  }
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  if (response.status === 401 && !path.startsWith("login") && !path.endsWith("password"))
    location.assign(new URL("login", BASE));
  const said = refusal(text, response.status);
  throw new Refused(said.map(told).join(" "), said.join(" "));
}

function refusal(text, status) {
  try {
    const { errors, hint } = JSON.parse(text);
    return errors ? [errors, hint].filter(Boolean) : [`HTTP ${status}`];
  } catch {
    return [`HTTP ${status}`];
  }
}

/** Do it, and show in the element `id` why it could not be done; the button waits meanwhile. */
export async function attempt(id, action, button = null) {
  const wrong = byId(id);
  wrong.hidden = true;
  if (button) button.disabled = true;
  try {
    await action();
  } catch (error) {
    wrong.textContent = error instanceof Refused ? error.message : String(error);
    wrong.hidden = false;
  } finally {
    if (button) button.disabled = false;
  }
}

/** Do `action` when the form is sent, also if that was before now; the element `wrong` shows why it failed. */
export function onSubmit(id, wrong, action) {
  const form = byId(id);
  form.onsubmit = (event) => attempt(wrong, () => action(form), event.submitter);
  if (form.hasAttribute("data-sent-early")) form.requestSubmit();
}

/** An element; text is never read as HTML. */
export function h(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const SHORT = new Intl.DateTimeFormat(window.wording.locale(), { dateStyle: "medium", timeStyle: "short" });

/** Seconds since 1970 as people write them. */
export const time = (seconds) => SHORT.format(new Date(seconds * 1000));

let opened = null;      // what the shown secret opens

/** Show a secret once, with a button that copies it. opens: the name of its token or account */
export function reveal(secret, opens) {
  opened = opens;
  byId("secret").textContent = secret;
  byId("made").hidden = false;
  byId("copy").onclick = async () => {
    const range = document.createRange();
    range.selectNodeContents(byId("secret"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    // plain http has no clipboard API
    try { await navigator.clipboard.writeText(secret); } catch { document.execCommand("copy"); }
    byId("copy").textContent = t("Copied");
    setTimeout(() => { byId("copy").textContent = t("Copy"); }, 2000);
  };
}

/** Take away the shown secret, which opens nothing any more, if it is this one's. opens: as of `reveal` */
export function forgetSecret(opens = opened) {
  if (opens !== opened) return;
  byId("made").hidden = true;
  byId("secret").textContent = "";
}

/** Who is here, at the head of the page, and the button by which they leave. */
export async function greet() {
  const account = await ask("easel/v1/account");
  byId("who").textContent = `${account.name} · ${t(account.role)}`;
  byId("logout").onclick = async () => {
    await ask("logout", "POST", {}).catch(() => {});
    location.assign(new URL("login", BASE));
  };
  return account;
}
