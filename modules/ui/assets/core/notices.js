// Short messages at the foot of the page, read out by screen readers.
import { h, t } from "./dom.js";

const shown = new Map();
let shelf = null;

/**
 * Show `text` under `name` (a second one of that name replaces the first); it goes after `seconds`, or at `unnotice`.
 */
export function notice(name, text, seconds = 5) {
  unnotice(name);
  shelf ??= h("div.easel-notices", { role: "status", ariaLive: "polite" });
  inFront();
  const element = h("p.notice", {}, text);
  shelf.append(element);
  const timer = seconds ? setTimeout(() => unnotice(name), seconds * 1000) : 0;
  shown.set(name, { element, timer });
}

/** Says something that can be answered by a press, which takes it away. said: a text; act: the button's */
export function noticeToAnswer(name, said, act, answer, seconds) {
  const onclick = () => { unnotice(name); answer(); };
  notice(name, [said, " ", h("button.notice-act", { type: "button", onclick }, act)], seconds);
}

/** Where notices are seen: a modal dialog covers all that is not in it. */
function inFront() {
  const home = document.querySelector("dialog:modal") ?? document.body;
  if (shelf.parentElement !== home) home.append(shelf);
}

document.addEventListener("close", () => { if (shelf) inFront(); }, true);

export const isSaying = () => shown.size > 0;

export function unnotice(name) {
  const found = shown.get(name);
  if (!found) return;
  clearTimeout(found.timer);
  found.element.remove();
  shown.delete(name);
}

/** Says that nobody answers, as long as that is so; gradio's own word on it is hidden meanwhile. */
export function connected(well) {
  document.body.classList.toggle("easel-offline", !well);
  if (well) unnotice("connection");
  else if (!shown.has("connection")) notice("connection", t("Connection lost. Trying again…"), 0);
}
