// One tab of cards: the bar, the folders, the grid, and what stands there if there is nothing to show.
import { lookAgain } from "../core/choices.js";
import { h, number, t } from "../core/dom.js";
import { inWords, server } from "../core/server.js";
import { browser } from "../core/storage.js";
import { Bar } from "./bar.js";
import { Dialog } from "./dialog.js";
import { Grid } from "./grid.js";
import { CardList } from "./list.js";
import { Tree } from "./tree.js";

// where they stand beside the cards; else the folders stay folded until asked for
const ROOMY = matchMedia("(min-width: 1180px)");

export class CardPage {
  /** place: { tab, kind, page, folder, empty }; use, family() and newest() are the tab's. */
  constructor({ tab, kind, page, folder, empty }, { use, family, newest }) {
    Object.assign(this, {
      kind,
      folder,
      empty,
      use,
      kept: { sort: "name", order: "asc", tree: ROOMY.matches, ...browser.get(`cards.${kind}`) },
    });
    const id = `${tab}_${page}`, { sort, order } = this.kept;
    this.list = new CardList({ kind, search: "", family: "", folder: "", sort, order, model_family: family() }, () =>
      this.draw(),
    );
    this.bar = new Bar(id, this.kept, {
      wish: (patch) => this.wish(patch), refresh: () => this.refresh(),
      toggleTree: () => this.keep({ tree: !this.kept.tree }), down: () => this.grid.focus(0),
    });
    this.tree = new Tree(id, (chosen) => this.wish({ folder: chosen }));
    this.grid = new Grid(this.list, use, t("Cards"), {
      onUse: (card) => use.toggle(card),
      onEdit: (card) => this.edit(card),
    });
    this.dialog = new Dialog({ families: () => this.list.families, newest, changed: () => this.list.reload() });
    this.message = h("div.networks-message");
    this.count = h("p.networks-count", { role: "status" });
    const body = h("div.networks-body", {}, this.tree.element, this.grid.element, this.message);
    this.element = h("div.networks-pane", { id: `${id}_pane` }, this.bar.element, body, this.count);
    this.grid.element.id = `${id}_cards`;
    new ResizeObserver(() => this.seen()).observe(this.element);
  }

  /** A tab that is opened again shows what there is by now: files come and go, also from other tabs. */
  seen() {
    const open = this.element.clientWidth > 0;
    if (open && this.left && this.list.known) this.list.reload();
    this.left = !open;
  }

  /** Another search begins at its top. */
  async wish(patch) {
    if (Object.entries(patch).every(([name, value]) => this.list.wishes[name] === value)) return;
    this.keep(Object.fromEntries(Object.entries(patch).filter(([name]) => name in this.kept)));
    await this.list.wish(patch);
    this.grid.top();
    this.draw();
  }

  keep(patch) {
    Object.assign(this.kept, patch);
    browser.set(`cards.${this.kind}`, this.kept);
    this.draw();
  }

  async refresh() {
    this.bar.refresh.disabled = true;
    try {
      await server.refreshCards();
      if (this.kind === "checkpoint") lookAgain();      // the picker's list too
      await this.list.reload();
    } catch (error) {
      this.list.error = inWords(error);
      this.draw();
    } finally {
      this.bar.refresh.disabled = false;
    }
  }

  async edit(card) {
    await this.dialog.open(card);
    this.grid.focus();
  }

  draw() {
    const { list } = this;
    const shown = list.known && list.total > 0 && !list.error;
    const tree = this.kept.tree && list.folders.length > 0 && !list.error;
    this.bar.show(list, tree);
    this.tree.element.hidden = !tree;
    if (tree) this.tree.show(list.folders, list.wishes.folder);
    this.grid.element.hidden = !shown;
    this.count.textContent = shown ? counted(list) : "";
    this.message.hidden = shown;
    if (shown) this.grid.draw();
    else this.message.replaceChildren(...this.said());
  }

  said() {
    const { list } = this;
    if (list.error) {
      const { message, hint } = list.error;
      return [
        h("p", { role: "alert" }, [message, hint].filter(Boolean).join(" ")),
        button(t("Try again"), () => list.reload()),
      ];
    }
    if (!list.known || list.scanning) return [h("p", {}, t("Looking into the folders…"))];
    if (list.narrowed) return [h("p", {}, t("Nothing matches.")), button(t("Show all"), () => this.bar.clear())];
    return [h("p", {}, t(this.empty)), h("code", {}, this.folder), button(t("Refresh"), () => this.refresh())];
  }
}

const button = (name, onclick) => h("button.card-button", { type: "button", onclick }, name);
function counted({ total, scanning }) {
  const files = total === 1 ? t("1 file") : t("{n} files", { n: number(total) });
  return scanning ? `${files} · ${t("still looking into the folders…")}` : files;
}

