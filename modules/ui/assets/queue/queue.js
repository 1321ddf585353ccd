// The queue as the page shows it: a drawer beside the results, which a button opens from everywhere, and a tab. Their
// scripts come once one of them is to be seen.
import { byId, facts, visible } from "../core/dom.js";
import { inView } from "../generation/tabs.js";
import { isDecided, isWanted, roomBeside } from "./drawer_state.js";

let views = null;      // a promise of them, once they are needed

function bring() {
  views ??= (async () => (await import("./views.js")).startViews())().catch((error) => { views = null; throw error; });
  return views;
}

const isSeen = () => visible("queue_page") || (roomBeside.matches && isWanted() && Boolean(inView()));

function look() {
  if (views) return;
  const button = byId("easel_queue").querySelector("button");
  if (!button?.hasAttribute("aria-expanded")) button?.setAttribute("aria-expanded", "false");
  if (isSeen()) bring();
}

/** The first job that is added shows where it went. */
async function offer() {
  if (!views && roomBeside.matches && !isDecided()) (await bring()).drawer.offer();
}

/** Once the page stands; resolves once all of it is there that scripts of extensions look for. */
export async function startQueue() {
  const place = byId("easel_queue");
  place.addEventListener("click", async ({ target }) => {
    if (!target.closest("button")) return;
    const seen = byId("easel_drawer")?.hidden === false;      // at the click: its scripts may open it as they come
    (await bring()).drawer.turn(!seen);
  });
  document.addEventListener("easel-added", offer);
  roomBeside.addEventListener("change", look);
  window.onUiUpdate(look);
  look();
  if (facts.extensions) await bring();
}
