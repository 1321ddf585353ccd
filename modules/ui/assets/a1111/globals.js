// A1111's small helpers, and where in the page something is.
import { PAGE } from "./address.js";

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const POLL = 500;      // ms between two questions for a task's progress

const randomLetter = () => LETTERS[Math.floor(Math.random() * LETTERS.length)];
const pad2 = (number) => String(number).padStart(2, "0");

/** 75 → "01:15", 3675 → "1:01:15". */
function formatTime(seconds) {
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const tail = `${pad2(minutes)}:${pad2(whole % 60)}`;
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${tail}` : tail;
}

/** POST some JSON; `handler` gets the reply, `failed` is called without one. */
function request(url, data, handler, failed = () => {}) {
  const body = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data) };
  fetch(new URL(url, PAGE), body)
    .then((reply) => { if (!reply.ok) throw new Error(`HTTP ${reply.status}`); return reply.json(); })
    .then(handler, failed);
}

/** Follow a task of an extension: `ended` is called once it is over, `progressed` with each answer. */
function requestProgress(task, container, gallery, ended, progressed = () => {}) {
  const bar = Object.assign(document.createElement("progress"), { max: 1, className: "progressDiv" });
  container.parentNode.insertBefore(bar, container);
  const end = () => { bar.remove(); ended?.(); };
  const ask = () => request("internal/progress", { id_task: task, live_preview: false }, (reply) => {
    bar.value = reply.progress ?? 0;
    progressed(reply);
    if (reply.completed) end();
    else setTimeout(ask, POLL);
  }, end);
  ask();
}

/** A window over the page with an element in it. */
function popup(contents) {
  closePopup();
  const dialog = document.createElement("dialog");
  dialog.className = "global-popup";
  dialog.append(contents);
  dialog.addEventListener("click", ({ target }) => { if (target === dialog) closePopup(); });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const closePopup = () => document.querySelector("dialog.global-popup")?.close();

const guarded = (act, otherwise) => {
  try { return act() ?? otherwise; } catch { return otherwise; }      // storage may be forbidden
};

/** The index of the open tab among the tabs of an element. */
function get_tab_index(id) {
  const buttons = [...(document.getElementById(id)?.querySelectorAll(":scope > .tab-wrapper [role=tab]") ?? [])];
  return Math.max(0, buttons.findIndex((button) => button.getAttribute("aria-selected") === "true"));
}

const thumbs = () => [...(window.get_uiCurrentTabContent()?.querySelectorAll(".thumbs .thumb") ?? [])];
const isChosen = (thumb) => thumb.getAttribute("aria-selected") === "true";

/** The index of the shown picture, -1 if there is none. A single one has no thumbnail. */
function selected_gallery_index() {
  const shown = window.get_uiCurrentTabContent()?.querySelector("img.large:not(.preview)");
  return thumbs().length ? thumbs().findIndex(isChosen) : shown ? 0 : -1;
}

/** The arguments of a submitting function, as a list that may be changed. */
const args_to_array = (args) => [...args];

const GLOBALS = {
  randomId: () => `task(${Array.from({ length: 15 }, randomLetter).join("")})`,
  pad2,
  formatTime,
  request,
  requestProgress,
  popup,
  closePopup,
  localGet: (key, otherwise) => guarded(() => localStorage.getItem(key), otherwise),
  localSet: (key, value) => guarded(() => localStorage.setItem(key, value)),
  localRemove: (key) => guarded(() => localStorage.removeItem(key)),
  get_tab_index,
  get_img2img_tab_index: () => [get_tab_index("mode_img2img")],
  create_tab_index_args: (id, args) => [get_tab_index(id), ...args_to_array(args).slice(1)],
  args_to_array,
  create_submit_args: args_to_array,
  selected_gallery_index,
  selected_gallery_button: () => thumbs().find(isChosen) ?? null,
  all_gallery_buttons: thumbs,
};

/** What Easel's page does by itself, so that a call of it needs nothing more. */
const DONE_BY_ITSELF = [
  "showSubmitButtons", "showSubmitInterruptingPlaceholder", "dimensionChange", "rememberGallerySelection",
  "setupExtraNetworksForTab", "update_token_counter", "extraNetworksEditUserMetadata", "showRestoreProgressButton",
];

export function startGlobals() {
  Object.assign(window, GLOBALS);
  for (const name of DONE_BY_ITSELF) window[name] = (...given) => given[0];
  window.activePromptTextarea = {};
  document.addEventListener("focusin", ({ target }) => {
    const [tab] = /^(?:txt2img|img2img)(?=_(?:neg_)?prompt$)/.exec(target.closest?.(".block")?.id ?? "") ?? [];
    if (tab && target.matches("textarea")) window.activePromptTextarea[tab] = target;
  });
  window.onUiLoaded(() => {
    for (const tab of ["txt2img", "img2img"])
      window.activePromptTextarea[tab] ??= document.querySelector(`#${tab}_prompt textarea`);
  });
}
