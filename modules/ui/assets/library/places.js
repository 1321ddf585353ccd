// Beside the grid: where one looks (all, favourites, albums, folders, trash), months, and facets with counts.
import { h, iconButton, number, t } from "../core/dom.js";
import { browser } from "../core/storage.js";
import { monthsOf } from "./days.js";
import { takePictures } from "./dragging.js";
import { folderTree } from "./folder_tree.js";
import { quoted, termsOf } from "./search.js";

const MOST = 8;      // values of a facet before "more"
// Facets in their order, with the search language's field and the heading.
const FACETS = [
  ["model", "Models"], ["lora", "LoRAs"], ["embedding", "Embeddings"], ["sampler", "Samplers"], ["size", "Sizes"],
  ["tag", "Tags"], ["rating", "Ratings"], ["program", "Programs"], ["kind", "Kinds"],
];

/** How many pictures of a place fit the search; all that it has, until they have been counted. */
function fitting(counted, place, all) {
  return counted ? counted.find(({ value }) => value === String(place))?.count ?? 0 : all;
}

export class Places {
  /** deeds: { go(place), day(name), term(term), addAlbum(), editAlbum(album), fillAlbum(album): with what
   * is chosen, addFolder(), removeFolder(folder) }
   */
  constructor(deeds) {
    this.deeds = deeds;
    this.open = new Set(browser.get("library.open") ?? ["Albums", "Folders", "Models"]);
    this.all = new Set();      // facets of which every value is shown
    this.element = h("nav.library-places", { "aria-label": t("Where to look") });
  }

  /** found: { wishes, albums, folders, sections, facets, administers } */
  show(found) {
    this.found = found;
    const { q, in: place } = found.wishes;
    const links = [
      this.place("", t("All pictures"), place === "" && !termsOf(q).includes("is:favourite")),
      this.link(t("Favourites"), null, termsOf(q).includes("is:favourite"), () => this.deeds.term("is:favourite")),
      this.place("duplicates", t("Duplicates"), place === "duplicates"),
      this.place("trash", t("Trash"), place === "trash"),
    ];
    const groups = [
      this.fold("Albums", this.albums(found), iconButton("add", t("New album"), () => this.deeds.addAlbum())),
      this.fold("Folders", this.folders(found), found.administers
        ? iconButton("add", t("Add a folder"), () => this.deeds.addFolder())
        : null),
      this.fold("Months", this.months(found)),
      ...FACETS.map(([name, title]) => this.fold(title, this.facet(name, found))),
    ];
    const { scrollTop } = this.element;
    this.element.replaceChildren(h("div.library-group", {}, links), ...groups.filter(Boolean));
    this.element.scrollTop = scrollTop;
  }

  place(place, name, current, count) { return this.link(name, count, current, () => this.deeds.go(place)); }

  link(name, count, current, onclick, more = null) {
    const button = h("button.library-place", { type: "button", title: name, onclick }, h("span.library-name", {}, name),
      count === null || count === undefined ? null : h("span.library-count", {}, number(count)));
    if (current) button.setAttribute("aria-current", "true");
    return more ? h("div.library-row", {}, button, more) : button;
  }

  /** A group that folds; null if it is empty and nothing can be added. */
  fold(title, items, add = null) {
    if (!items.length && !add) return null;
    const body = items.length ? items : [h("p.hint", {}, t("None yet"))];
    const group = h("details.library-group", { open: this.open.has(title) },
      h("summary", {}, h("span", {}, t(title))), body);
    group.addEventListener("toggle", () => {
      if (group.open) this.open.add(title);
      else this.open.delete(title);
      browser.set("library.open", [...this.open]);
    });
    return add ? h("div.library-foldable", {}, group, add) : group;
  }

  albums({ albums, facets, wishes }) {
    return albums.map((album) => takePictures(this.link(album.name, fitting(facets.album, album.name, album.count),
      wishes.in === `album:${album.id}`, () => this.deeds.go(`album:${album.id}`),
      iconButton("pencil", t("Rename or remove {name}", { name: album.name }), () => this.deeds.editAlbum(album))),
    () => this.deeds.fillAlbum(album)));
  }

  folders({ folders, facets, wishes, administers }) {
    const below = (facets.folder ?? []).map(({ value, count }) => ({ value: String(value), count }));
    return folders.flatMap((folder) => {
      const inside = below.filter(({ value }) => value.startsWith(`${folder.id}/`) && value !== `${folder.id}/`);
      const remove = administers && !folder.own
        ? iconButton("close", t("Look into {name} no more", { name: folder.name }),
          () => this.deeds.removeFolder(folder))
        : null;
      const name = folder.read_only ? `${folder.name} (${t("read only")})` : folder.name;
      return [
        this.link(name, fitting(facets.root, folder.id, folder.count), wishes.in === `folder:${folder.id}`,
          () => this.deeds.go(`folder:${folder.id}`), remove),
        ...this.branches(`folder ${folder.id}`, folderTree(folder.id, inside), 1),
      ];
    });
  }

  /** Folders of a tree, each with those below it if it is unfolded. */
  branches(above, tree, depth) {
    return this.shortened(above, tree).flatMap((each) => {
      if (each instanceof Element) return each;
      const { path, name, count, inner } = each, place = `folder:${path}`, { in: here } = this.found.wishes;
      const link = this.link(name, count, here === place, () => this.deeds.go(place));
      link.style.setProperty("--depth", depth);
      if (!inner.length) return link;
      const isOpen = this.open.has(place) || here.startsWith(`${place}/`);
      return [h("div.library-row", {}, this.turner(place, name, isOpen, depth), link),
        ...(isOpen ? this.branches(place, inner, depth + 1) : [])];
    });
  }

  /** What folds a folder's own folders away, before its name. */
  turner(place, name, isOpen, depth) {
    const turned = () => {
      if (!this.open.delete(place)) this.open.add(place);
      browser.set("library.open", [...this.open]);
      this.show(this.found);
      [...this.element.querySelectorAll(".library-turn")].find((each) => each.name === place)?.focus();
    };
    const turner = h("button.library-turn", {
      type: "button", name: place, onclick: turned, "aria-label": t("Folders in {name}", { name }),
      "aria-expanded": String(isOpen),
    });
    turner.style.setProperty("--depth", depth);
    return turner;
  }

  months({ sections }) {
    const dated = sections.filter(({ name }) => /^\d{4}-\d\d-\d\d$/.test(name));
    return monthsOf(dated).map(({ name, day, count }) => this.link(name, count, false, () => this.deeds.day(day)));
  }

  facet(name, { facets, wishes }) {
    const terms = termsOf(wishes.q);
    return this.shortened(name, facets[name] ?? []).map((each) => {
      if (each instanceof Element) return each;
      const value = String(each.value), term = `${name}:${quoted(value)}`;
      const shown = name === "rating" ? "★".repeat(Number(value)) || t("not rated") : value;
      return this.link(shown, each.count, terms.includes(term), () => this.deeds.term(term));
    });
  }

  /** The first of many, and what shows the others. */
  shortened(name, values) {
    if (values.length <= MOST + 1 || this.all.has(name)) return values;
    const more = h("button.library-more", {
      type: "button", onclick: () => { this.all.add(name); this.show(this.found); },
    }, t("{n} more", { n: values.length - MOST }));
    return [...values.slice(0, MOST), more];
  }
}
