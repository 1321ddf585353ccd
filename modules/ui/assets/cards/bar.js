// What one may wish for above the cards: words, family, order, folders; and a new look into the folders.
import { debounced, h, iconButton, t } from "../core/dom.js";
import { spoken } from "./family.js";

const TYPING = 200;      // ms without a key before a search is asked

export class Bar {
  /** id: what A1111's element ids of this tab begin with; deeds: { wish(patch), refresh(), toggleTree(), down() } */
  constructor(id, { sort, order }, deeds) {
    this.deeds = deeds;
    const search = debounced(() => this.wish({}), TYPING);
    this.search = h("input.networks-search", {
      id: `${id}_extra_search`, type: "search", placeholder: t("Search"), "aria-label": t("Search"),
      autocomplete: "off", spellcheck: false, oninput: search,
    });
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") {
        event.preventDefault();
        deeds.down();
      }
    });
    this.family = select(`${id}_extra_family`, t("Family"), [["", t("All families")]], "", (family) =>
      this.wish({ family }),
    );
    this.sort = select(
      `${id}_extra_sort`,
      t("Sort by"),
      SORTS.map(([key, label]) => [key, t(label)]),
      sort,
      (key) => this.wish({ sort: key }),
    );
    this.order = this.button(`${id}_extra_sort_dir`, "order", "", () =>
      this.wish({ order: this.descending ? "asc" : "desc" }),
    );
    this.tree = this.button(`${id}_extra_tree_view`, "folders", t("Folders"), deeds.toggleTree);
    this.refresh = this.button(`${id}_extra_refresh`, "refresh", t("Look into the folders again"), deeds.refresh);
    this.element = h("div.networks-bar", { id: `${id}_controls`, role: "search" },
      this.search, h("div.networks-choices", {}, this.family, this.sort, this.order, this.tree), this.refresh);
    this.show({ wishes: { order }, families: [], folders: [] }, false);
  }

  /** With what has been typed by now, however quickly this comes. */
  wish(patch) {
    this.deeds.wish({ search: this.search.value.trim(), ...patch });
  }

  button(id, icon, name, onclick) {
    return Object.assign(iconButton(icon, name, onclick), { id });
  }

  show({ wishes, families, folders }, treeShown) {
    this.descending = wishes.order === "desc";
    this.order.title = this.order.textContent = this.descending
      ? t("Descending: press for ascending")
      : t("Ascending: press for descending");
    this.order.classList.toggle("descending", this.descending);
    this.tree.setAttribute("aria-pressed", treeShown);
    this.tree.hidden = !folders.length;
    this.offer(families, wishes.family ?? "");
  }

  offer(families, chosen) {
    const all = [...new Set([...families, chosen])].filter(Boolean);
    this.family.hidden = all.length < 2 && !chosen;      // one family is no choice
    if (all.join("\n") !== this.offered)
      this.family.replaceChildren(...options([["", t("All families")], ...all.map((name) => [name, spoken(name)])]));
    this.offered = all.join("\n");
    this.family.value = chosen;
  }

  /** Forget what was searched for; what is left to wish for is the order. */
  clear() {
    this.search.value = "";
    this.wish({ family: "", folder: "" });
  }
}

export function select(id, name, choices, value, onChoice) {
  const box = h("select.networks-select", { id, title: name, "aria-label": name }, options(choices));
  box.value = value;
  box.addEventListener("change", () => onChoice(box.value));
  return box;
}

export const options = (choices) => choices.map(([value, label]) => h("option", { value }, label));

const SORTS = [["name", "Name"], ["date", "Date"], ["size", "Size"], ["path", "Path"]];
