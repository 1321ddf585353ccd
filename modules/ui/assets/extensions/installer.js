// An extension's installer: run when a person asks, followed, and what came of it.
import { textButton } from "../core/dialog.js";
import { h, pause, t } from "../core/dom.js";
import { reasonOf } from "../core/server.js";
import { asking } from "./asking.js";

const BETWEEN = 1000;      // ms between two questions whether it has ended
const STATES = { never: "not run yet", running: "running…", done: "done", failed: "failed" };

/** The place of an installer among what is told of an extension; null for one without. barred: whether none may run */
export function installerOf({ name, installer, installer_due: due }, barred) {
  if (installer === "never" && !due) return null;
  const place = h("div.extension-installer");
  show(place, name, { state: installer, due, notes: [], log: "" }, barred);
  follow(place, name, barred);
  return place;
}

function show(place, name, { state, due, notes, log }, barred) {
  const said = t(STATES[state] ?? state) + (due && state !== "never" ? `, ${t("not since its last change")}` : "");
  const words = state === "never" ? "Install what it needs" : "Install again";
  const start = textButton(t(words), () => run(place, name, barred));
  start.disabled = barred || state === "running";
  start.title = t("Runs its install.py and its requirements, with all of Easel's rights.");
  place.replaceChildren(
    h("div.extensions-bar", {}, h("span", { role: "status" }, said), start),
    ...(notes.length ? [h("ul", {}, notes.map((note) => h("li", {}, note)))] : []),
    ...(log ? [h("details", {}, h("summary", {}, t("Its output")), h("pre", {}, log))] : []),
  );
}

async function run(place, name, barred) {
  try {
    show(place, name, await asking.runInstaller(name), barred);
    await follow(place, name, barred);
  } catch (error) {
    place.prepend(h("p.wrong", { role: "alert" }, reasonOf(error)));
  }
}

/** Show its state until it has ended, as long as the place stands in the page. */
async function follow(place, name, barred) {
  do {
    try {
      const now = await asking.installer(name);
      show(place, name, now, barred);
      if (now.state !== "running") return;
    } catch (error) {
      place.prepend(h("p.wrong", { role: "alert" }, reasonOf(error)));
      return;
    }
    await pause(BETWEEN);
  } while (place.isConnected);
}
