// Extensions that can be installed, out of an index that is read when somebody asks for it.
import { textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { browser } from "../core/storage.js";
import { asking } from "./asking.js";

const HIDDEN_FIRST = ["ads", "localization", "installed"];      // A1111's choice
const MOST_SHOWN = 200;
const ORDERS = {
  "newest first": (a, b) => b.added.localeCompare(a.added),
  "oldest first": (a, b) => a.added.localeCompare(b.added),
  "a-z": (a, b) => a.name.localeCompare(b.name),
  "z-a": (a, b) => b.name.localeCompare(a.name),
  "internal order": () => 0,
};

export class Available {
  index = null;

  constructor(page) {
    this.page = page;
    this.source = h("input", {
      type: "text", "aria-label": t("Extension index URL"), maxLength: 4096, spellcheck: false, autocomplete: "off",
    });
    this.load = textButton(t("Load from:"), () => this.loadIndex(), ".card-primary");
    this.search = h("input", {
      type: "search", placeholder: t("Search"), "aria-label": t("Search"), oninput: () => this.draw(),
    });
    this.order = h("select", { "aria-label": t("Order"), onchange: () => this.draw() },
      Object.keys(ORDERS).map((name) => h("option", { value: name }, t(name))));
    this.tags = h("fieldset.extensions-all", { onchange: () => this.draw() });
    this.count = h("p.hint", { role: "status" });
    this.rows = h("tbody");
    const names = [t("Extension"), t("Description"), t("Action")];
    const head = h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name))));
    this.table = h("table.extensions-table", { id: "available_extensions" }, head, this.rows);
    this.found = h("div.extensions-part", { hidden: true }, this.tags,
      h("div.extensions-bar", {}, this.search, this.order), this.count, this.table);
    this.element = h("div.extensions-part", {}, h("div.extensions-bar.wide", {}, this.load, this.source), this.found);
  }

  show({ keeping, list }) {
    this.barred = Boolean(keeping.why_not);
    this.remotes = new Set(list.map(({ remote }) => plain(remote)));
    this.load.disabled = this.barred;
    this.source.value ||= browser.get("extensions.index") ?? keeping.index;
    if (this.index) this.draw();
  }

  async loadIndex() {
    const source = this.source.value.trim();
    const index = await this.page.attempt(t("Reading the index…"), () => asking.index(source));
    if (!index) return;
    browser.set("extensions.index", source);
    this.index = index;
    const tags = { ...index.tags, installed: t("extensions that are installed") };
    this.tags.replaceChildren(h("legend", {}, t("Hide extensions with tags")),
      ...Object.entries(tags).map(([tag, means]) => h("label", { title: means },
        h("input", { type: "checkbox", value: tag, checked: HIDDEN_FIRST.includes(tag) }), tag)));
    this.found.hidden = false;
    this.draw();
  }

  draw() {
    const hidden = new Set([...this.tags.querySelectorAll("input:checked")].map(({ value }) => value));
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const tagsOf = (entry) => [...entry.tags, ...(this.remotes.has(plain(entry.url)) ? ["installed"] : [])];
    const fits = (entry) => !tagsOf(entry).some((tag) => hidden.has(tag))
      && words.every((word) => `${entry.name} ${entry.description} ${entry.url}`.toLowerCase().includes(word));
    const found = this.index.entries.filter(fits).sort(ORDERS[this.order.value]);
    const shown = found.slice(0, MOST_SHOWN);
    const numbers = { n: found.length, all: this.index.entries.length, shown: MOST_SHOWN };
    const all = found.length === shown.length;
    this.count.textContent = all ? t("{n} of {all}", numbers) : t("{n} of {all}; the first {shown} are shown", numbers);
    this.rows.replaceChildren(...shown.map((entry) => this.row(entry)));
  }

  row(entry) {
    const here = this.remotes.has(plain(entry.url));
    const install = textButton(here ? t("Installed") : t("Install"), () => this.install(entry, install));
    install.disabled = here || this.barred;
    return h("tr", {},
      h("td.extension-name", {}, h("a", { href: entry.url, target: "_blank", rel: "noreferrer" }, entry.name),
        h("p.hint", {}, entry.tags.join(", "))),
      h("td", {}, entry.description, h("p.hint", {}, t("Added: {day}", { day: entry.added || "?" }))),
      h("td", {}, install),
    );
  }

  async install(entry, button) {
    button.disabled = true;
    const done = await this.page.attempt(t("Installing {name}…", entry), () => asking.install(entry.url));
    if (!done) { button.disabled = false; return; }
    await this.page.refresh();
    this.page.tell(t("Installed {name}; it is used from the next start. Look at its code's facts first.", done));
  }
}

const plain = (url) => url.replace(/\.git$/, "").replace(/\/$/, "").toLowerCase();
