// The Extensions tab, as A1111 has it: what is installed, what there is, an address, backups. For administrators.
import { byId, h, t, visible } from "../core/dom.js";
import { reasonOf } from "../core/server.js";
import { asking, restarted } from "./asking.js";
import { Available } from "./available.js";
import { Backups } from "./backups.js";
import { FromAddress } from "./from_address.js";
import { Installed } from "./installed.js";

const RIGHTS = "An extension is a program with all of Easel's rights: it can read and delete what you can, and use the "
  + "network. Install what you trust.";

class ExtensionsPage {
  constructor() {
    this.status = h("p.extensions-status", { role: "status" });
    this.barred = h("p.extensions-barred", { role: "note" });
    this.parts = {
      installed: { title: t("Installed"), part: new Installed(this) },
      available: { title: t("Available"), part: new Available(this) },
      install_from_url: { title: t("Install from URL"), part: new FromAddress(this) },
      backup_restore: { title: t("Backup/Restore"), part: new Backups(this) },
    };
    const buttons = Object.entries(this.parts).map(([name, { title }]) =>
      h("button", { type: "button", role: "tab", id: `extensions_${name}_tab`, onclick: () => this.open(name) }, title),
    );
    this.buttons = h("div.extensions-tabs", { id: "tabs_extensions", role: "tablist" }, buttons);
    this.place = h("div.extensions-place", { role: "tabpanel" });
    this.element = h("div.extensions", {}, this.buttons, this.barred, this.status, this.place);
    this.open("installed");
  }

  open(name) {
    for (const button of this.buttons.children) {
      button.setAttribute("aria-selected", button.id === `extensions_${name}_tab`);
    }
    this.tell("");
    this.place.replaceChildren(this.parts[name].part.element);
    if (this.list) this.parts[name].part.show(this);
    this.opened = name;
  }

  /** Ask for the list, and show it. */
  async refresh() {
    try {
      [this.list, this.keeping] = await Promise.all([asking.all(), asking.keeping()]);
    } catch (error) {
      return this.tell(reasonOf(error), true);
    }
    this.barred.textContent = this.keeping.why_not || t(RIGHTS);
    this.element.classList.toggle("barred", Boolean(this.keeping.why_not));
    this.parts[this.opened].part.show(this);
  }

  tell(text, wrong = false) {
    this.status.classList.toggle("wrong", wrong);
    this.status.textContent = text;
  }

  /** Do something that may be refused, and say meanwhile what is done; undefined if it was refused. */
  async attempt(meanwhile, deed) {
    this.tell(meanwhile);
    this.element.setAttribute("aria-busy", "true");
    try {
      const found = await deed();
      this.tell("");
      return found;
    } catch (error) {
      this.tell(reasonOf(error), true);
      return undefined;
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  /** Begin the server anew, and come back to this page. */
  async restart() {
    const done = await this.attempt(t("Easel begins anew. Jobs that are not done go on afterwards…"), async () => {
      await restarted();
      return true;
    });
    if (done) location.reload();
  }
}

let page = null;

/** Called again and again: gradio draws the tab once it is opened. */
export function startExtensions() {
  const place = byId("extensions_page");
  if (!place || place.querySelector(".extensions")) return;
  page ??= new ExtensionsPage();
  place.replaceChildren(page.element);
  page.refresh();
  window.onUiTabChange(() => { if (visible("extensions_page")) page.refresh(); });
}
