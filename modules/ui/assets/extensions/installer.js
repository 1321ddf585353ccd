// An extension's installer: run when a person asks, followed line by line, stopped, and what came of it.
import { textButton } from "../core/dialog.js";
import { h, pause, t } from "../core/dom.js";
import { reasonOf } from "../core/server.js";
import { asking } from "./asking.js";

const BETWEEN = 1000;      // ms between two questions how far it is
const AT_THE_END = 8;      // px within which somebody reads the last lines, so that new ones come into view
const STATES = {
  never: "not run yet", waiting: "waits for another one…", running: "running…", done: "done", failed: "failed",
  stopped: "stopped", cut_short: "cut short, since Easel ended meanwhile: run it again",
};

/** The place of an installer among what is told of an extension; null for one without. barred: whether none may run */
export function installerOf({ name, installer, installer_due: due }, barred) {
  if (installer === "never" && !due) return null;
  const found = new Installer(name, barred);
  found.show({ state: installer, due, notes: [], log: "" });
  found.follow();
  return found.element;
}

class Installer {
  constructor(name, barred) {
    this.name = name;
    this.barred = barred;
    this.said = h("span", { role: "status" });
    this.start = textButton("", () => this.change(asking.runInstaller));
    this.start.title = t("Runs its install.py and its requirements, with all of Easel's rights.");
    this.stop = textButton(t("Stop"), () => this.change(asking.stopInstaller));
    this.stop.title = t("Ends it with all that it has started; what is installed already stays.");
    this.wrong = h("p.wrong", { role: "alert" });
    this.notes = h("ul");
    this.log = h("pre", { tabIndex: 0, ariaLabel: t("Its output") });
    this.output = h("details", {}, h("summary", {}, t("Its output")), this.log);
    const bar = h("div.extensions-bar", {}, this.said, this.start, this.stop);
    this.element = h("div.extension-installer", {}, bar, this.wrong, this.notes, this.output);
  }

  show({ state, due, notes, log }) {
    const runs = state === "running" || state === "waiting";
    const late = due && (state === "done" || state === "failed");
    const begins = runs && !this.runs;
    this.runs = runs;
    this.said.textContent = t(STATES[state] ?? state) + (late ? `, ${t("not since its last change")}` : "");
    this.start.textContent = t(state === "never" ? "Install what it needs" : "Install again");
    this.start.disabled = this.barred;
    this.start.hidden = runs;
    this.stop.hidden = !runs || this.barred;
    this.wrong.textContent = "";
    this.notes.replaceChildren(...notes.map((note) => h("li", {}, note)));
    if (begins) this.output.open = true;
    this.output.hidden = !log;
    this.write(log);
  }

  /** Show the output; whoever reads its last lines sees new ones, and who has gone up stays there. */
  write(text) {
    if (this.log.textContent === text) return;
    const { scrollTop, scrollHeight, clientHeight } = this.log;
    const atEnd = scrollTop + clientHeight >= scrollHeight - AT_THE_END;
    this.log.textContent = text;
    this.log.scrollTop = atEnd ? this.log.scrollHeight : scrollTop;
  }

  /** Have it run, or end. */
  async change(how) {
    try {
      this.show(await how(this.name));
      await this.follow();
    } catch (error) {
      this.wrong.textContent = reasonOf(error);
    }
  }

  /** Show how far it is until it has ended, as long as the place stands in the page. */
  async follow() {
    if (this.follows) return;
    this.follows = true;
    try {
      do {
        const now = await asking.installer(this.name);
        this.show(now);
        if (!this.runs) return;
        await pause(BETWEEN);
      } while (this.element.isConnected);
    } catch (error) {
      this.wrong.textContent = reasonOf(error);
    } finally {
      this.follows = false;
    }
  }
}
