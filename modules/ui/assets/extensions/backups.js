// Backups of which extensions there are, at which commits, and whether they are on.
import { dangerousButton, textButton } from "../core/dialog.js";
import { h, moment, t } from "../core/dom.js";
import { asking } from "./asking.js";

export class Backups {
  states = [];

  constructor(page) {
    this.page = page;
    const name = t("Config Name");
    this.name = h("input", { type: "text", "aria-label": name, placeholder: name, maxLength: 80 });
    this.save = textButton(t("Save Current Config"), () => this.saveNow());
    this.choice = h("select", { id: "config_states", "aria-label": t("Saved Configs"), onchange: () => this.draw() });
    this.restore = dangerousButton(t("Restore Selected Config"), t("Really? Its commits and switches come back"),
      () => this.restoreChosen());
    this.rows = h("tbody");
    const names = [t("Extension"), t("In the backup"), t("Now")];
    const head = h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name))));
    this.table = h("table.extensions-table", { id: "config_state_extensions" }, head, this.rows);
    this.told = h("ul.extensions-told");
    this.element = h("div.extensions-part", {}, h("div.extensions-bar", {}, this.name, this.save),
      h("div.extensions-bar", {}, this.choice, this.restore), this.told, this.table);
  }

  async show({ keeping, list }) {
    this.list = list;
    this.barred = Boolean(keeping.why_not);
    this.states = (await this.page.attempt("", asking.states)) ?? [];
    const chosen = this.choice.value;
    this.choice.replaceChildren(...this.states.map(({ id, name, created_at: when }) =>
      h("option", { value: id }, `${name} · ${moment(new Date(when * 1000))}`)));
    if (this.states.some(({ id }) => id === chosen)) this.choice.value = chosen;
    this.draw();
  }

  get chosen() { return this.states.find(({ id }) => id === this.choice.value); }

  draw() {
    const { chosen } = this;
    this.choice.hidden = this.restore.hidden = this.table.hidden = !chosen;
    this.restore.disabled = this.barred;
    if (!chosen) return;
    const now = new Map(this.list.map((each) => [each.name, each]));
    const names = [...new Set([...chosen.extensions.map(({ name }) => name), ...now.keys()])];
    this.rows.replaceChildren(...names.map((name) => {
      const then = inWords(chosen.extensions.find((each) => each.name === name), "enabled");
      const today = inWords(now.get(name), "wanted");
      return h("tr", { className: then === today ? "" : "differs" },
        h("td.extension-name", {}, name), h("td", {}, then), h("td", {}, today));
    }));
  }

  async saveNow() {
    const saved = await this.page.attempt(t("Saving…"), () => asking.save(this.name.value));
    if (!saved) return;
    this.name.value = "";
    await this.show(this.page);
    this.page.tell(t("Saved as {id}.json in config_states.", saved));
  }

  async restoreChosen() {
    const { id } = this.chosen;
    const done = await this.page.attempt(t("Restoring…"), () => asking.restore(id));
    if (!done) return;
    await this.page.refresh();
    this.told.replaceChildren(...done.told.map((text) => h("li", {}, text)));
    this.page.tell(t("Restored; it holds from the next start."));
  }
}

/** What is known of an extension at one time, in words. */
const inWords = (extension, on) =>
  extension ? `${t(extension[on] ? "on" : "off")} ${extension.commit_hash.slice(0, 8)}`.trim() : t("not installed");
