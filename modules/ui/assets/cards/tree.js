// The folders as a tree: a click narrows the cards to a folder and what is in it, and folds it open or shut.
import { h, t } from "../core/dom.js";

export class Tree {
  constructor(id, onChoice) {
    Object.assign(this, { onChoice, open: new Set(), drawn: "" });
    this.element = h("nav.networks-tree", { id: `${id}_tree`, "aria-label": t("Folders") });
  }

  show(folders, chosen) {
    this.folders = folders;
    const all = withParents(folders);
    const seen = all.filter((folder) => parents(folder).every((parent) => this.open.has(parent)));
    const key = JSON.stringify([all, seen, chosen, [...this.open]]);
    if (key === this.drawn) return;
    this.drawn = key;
    const focused = this.element.contains(document.activeElement);
    this.element.replaceChildren(
      this.row("", t("All"), chosen, false),
      ...seen.map((folder) =>
        this.row(
          folder,
          folder.split("/").at(-1),
          chosen,
          all.some((other) => other.startsWith(`${folder}/`)),
        ),
      ),
    );
    if (focused) this.element.querySelector("[aria-current]")?.focus();
  }

  row(folder, label, chosen, hasMore) {
    const current = folder === chosen ? { "aria-current": "true" } : {};
    const expanded = hasMore ? { "aria-expanded": this.open.has(folder) } : {};
    const onclick = () => this.choose(folder, chosen);
    const button = h(
      "button.networks-folder",
      { type: "button", title: folder || label, ...current, ...expanded, onclick },
      label,
    );
    button.style.setProperty("--depth", parents(folder).length);
    return button;
  }

  choose(folder, chosen) {
    if (folder === chosen && this.open.has(folder)) this.open.delete(folder);
    else this.open.add(folder);
    if (folder === chosen) this.show(this.folders, chosen);
    else this.onChoice(folder);
  }
}

/** "a/b/c" → ["a", "a/b"] */
function parents(folder) {
  const parts = folder.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

const withParents = (folders) => [...new Set(folders.filter(Boolean).flatMap((folder) => [...parents(folder), folder]))]
  .sort((a, b) => a.replaceAll("/", "\0").localeCompare(b.replaceAll("/", "\0")));
