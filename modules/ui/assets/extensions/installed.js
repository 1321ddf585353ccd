// What is installed: switches, states, versions, updates.
import { textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { reasonOf } from "../core/server.js";
import { asking } from "./asking.js";
import { moreOf } from "./details.js";

const STATES = { loaded: "in use", off: "off", failed: "failed" };
const ALL_OFF = { none: "none", extra: "all but built-in ones", all: "all" };      // A1111's words for the choice

export class Installed {
  unfolded = new Set();   // names whose details are open, also when the list is drawn anew
  newer = new Map();      // name → { commit, log } or { error }, as far as it was asked
  chosen = new Map();     // name of a box → whether a person has checked it; the list may come anew meanwhile

  constructor(page) {
    this.page = page;
    this.apply = textButton(t("Apply and restart UI"), () => this.applyAll(), ".card-primary");
    this.check = textButton(t("Check for updates"), () => this.checkAll());
    this.allOff = h("fieldset.extensions-all", { id: "extensions_disable_all" });
    this.pending = h("p.extensions-pending", { role: "status" });
    this.rows = h("tbody");
    const names = [t("Extension"), t("State"), t("Version"), t("Date"), t("Update"), t("Action")];
    const head = h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name))));
    this.table = h("table.extensions-table", { id: "extensions", hidden: true }, head, this.rows);
    this.none = h("p.hint", {}, t("No extension is installed. Put a folder below extensions/, or install one here."));
    const top = h("div.extensions-bar", { id: "extensions_installed_top" }, this.apply, this.check, this.allOff);
    this.element = h("div.extensions-part", {}, top, this.pending, this.table, this.none);
    this.element.addEventListener("change", ({ target }) => this.choose(target));
  }

  show({ list, keeping }) {
    this.barred = Boolean(keeping.why_not);
    this.list = list;
    this.disableAll = keeping.disable_all;
    const choices = Object.entries(ALL_OFF).map(([value, words]) => this.allOffChoice(value, words));
    this.allOff.replaceChildren(h("legend", {}, t("Disable all extensions")), ...choices);
    this.apply.disabled = this.barred;
    this.apply.title = t("Switches and marked updates are carried out; then Easel ends and begins anew by itself.");
    this.check.disabled = this.barred || !list.some(({ remote }) => remote);
    this.table.hidden = !list.length;
    this.none.hidden = Boolean(list.length);
    this.rows.replaceChildren(...list.flatMap((each) => this.rowsOf(each)));
    this.showPending();
  }

  choose({ type, name, checked, value }) {
    this.chosen.set(name, type === "radio" ? value : checked);
    this.showPending();
  }

  allOffChoice(value, words) {
    const checked = value === this.chosenAll;
    const radio = h("input", { type: "radio", name: "disable_all", value, checked, disabled: this.barred });
    return h("label", {}, radio, t(words));
  }

  rowsOf(extension) {
    const { name, state, wanted, commit_date: date, version, seconds } = extension;
    const checked = this.checked(`enable_${name}`, wanted);
    const box = h("input", { type: "checkbox", name: `enable_${name}`, checked, disabled: this.barred });
    const spent = Object.values(seconds).reduce((sum, each) => sum + each, 0);
    const pill = h(`span.extension-state.${state}`, {}, t(STATES[state]));
    const time = spent ? h("span.hint", { title: t("Time spent in its code") }, ` ${spent.toFixed(1)} s`) : null;
    const more = h("tr.extension-more", { hidden: true }, h("td", { colSpan: 6 }));
    const fold = h("button.extension-fold", { type: "button", ariaExpanded: "false" }, t("Details"));
    fold.addEventListener("click", () => this.toggle(fold, more, extension));
    const row = h("tr", { className: state },
      h("td.extension-name", {}, h("label", {}, box, name), extension.why ? h("p.hint", {}, extension.why) : null,
        extension.installer_due ? h("p.hint", {}, t("What it needs is not installed yet: see Details.")) : null),
      h("td", {}, pill, time),
      h("td", {}, versionOf(extension)),
      h("td", {}, date.slice(0, 10)),
      h("td.extension-update", {}, this.updateOf(name)),
      h("td", {}, fold),
    );
    if (this.unfolded.has(name)) this.toggle(fold, more, extension);
    return [row, more];
  }

  updateOf(name) {
    const found = this.newer.get(name);
    if (!found) return h("span.hint", {}, "—");
    if (found.error) return h("span.wrong", { title: found.error }, found.error);
    if (!found.log.length) return t("latest");
    const box = h("input", { type: "checkbox", name: `update_${name}`, checked: this.checked(`update_${name}`, true) });
    return h("label", { title: found.log.join("\n") }, box, t("{n} new", { n: found.log.length }));
  }

  toggle(fold, more, extension) {
    const opened = more.hidden;
    this.unfolded[opened ? "add" : "delete"](extension.name);
    more.hidden = !opened;
    fold.setAttribute("aria-expanded", opened);
    if (opened) more.firstChild.replaceChildren(moreOf(extension, this.newer.get(extension.name), this.goBack()));
  }

  goBack() {
    return this.barred ? null : async (name, commit) => {
      const done = await this.page.attempt(t("{name} goes back…", { name }), () => asking.update(name, commit));
      if (!done) return;
      await this.page.refresh();
      const now = { name, commit: commit.slice(0, 8) };
      this.page.tell(t("{name} is at {commit} now; it is used from the next start.", now));
    };
  }

  switched() {
    return this.list.filter(({ name, wanted }) => this.checked(`enable_${name}`, wanted) !== wanted);
  }

  checked(name, otherwise) { return this.chosen.get(name) ?? otherwise; }

  marked() {
    return this.list.filter(({ name }) => this.newer.get(name)?.log?.length && this.checked(`update_${name}`, true));
  }

  get chosenAll() { return this.chosen.get("disable_all") ?? this.disableAll; }

  /** What Apply would do, and what waits for a restart already. */
  showPending() {
    const switched = this.switched().length, marked = this.marked().length;
    const waiting = this.list.filter(({ state, wanted }) => wanted !== (state !== "off")).length;
    const all = this.chosenAll !== this.disableAll;
    const words = [
      switched ? t("{n} to be switched", { n: switched }) : null,
      marked ? t("{n} to be updated", { n: marked }) : null,
      all ? t("all extensions: {which}", { which: t(ALL_OFF[this.chosenAll]) }) : null,
      waiting && !switched && this.disableAll === "none" ? t("{n} wait for a restart", { n: waiting }) : null,
    ].filter(Boolean);
    this.pending.textContent = words.join(" · ");
  }

  async applyAll() {
    const switched = this.switched(), marked = this.marked(), all = this.chosenAll;
    const done = await this.page.attempt(t("Applying…"), async () => {
      if (marked.length) await asking.save("Backup (pre-update)");
      for (const { name, wanted } of switched) await asking.switch(name, !wanted);
      for (const { name } of marked) await asking.update(name);
      if (all !== this.disableAll) await asking.disableAll(all);
      return true;
    });
    if (!done) return this.page.refresh();
    await this.page.restart();
  }

  async checkAll() {
    const chosen = this.list.filter(({ remote, wanted }) => remote && wanted);
    for (const [i, { name }] of chosen.entries()) {
      this.page.tell(t("Asking for {name} ({i} of {n})…", { name, i: i + 1, n: chosen.length }));
      try {
        this.newer.set(name, await asking.newer(name));
      } catch (error) {
        this.newer.set(name, { error: reasonOf(error) });
      }
    }
    this.page.tell(t("Asked."));
    this.show(this.page);
  }
}

/** The commit, linked where its repository's page is known; the branch. */
function versionOf({ version, commit_hash: commit, remote, branch }) {
  if (!version) return h("span.hint", {}, t("not from git"));
  const page = /^https:\/\/(?:www\.)?github\.com\/[\w.-]+\/[\w.-]+$/.test(remote) ? remote.replace(/\.git$/, "") : "";
  const link = { href: `${page}/commit/${commit}`, target: "_blank", rel: "noreferrer" };
  const shown = page ? h("a", link, version) : version;
  return [shown, branch ? h("span.hint", {}, ` ${branch}`) : null].filter(Boolean);
}
