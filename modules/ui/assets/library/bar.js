// Above the grid: the search, the order, the tiles' size, and what folds the sides away.
import { h, iconButton, t } from "../core/dom.js";
import { Search } from "./search.js";

const SORTS = [
  ["newest", "Newest"], ["oldest", "Oldest"], ["model", "Model"], ["job", "Job"], ["name", "Name"],
  ["rating", "Rating"], ["size", "Size"],
];

export class LibraryBar {
  /** kept: { sort, tile, places, panel }; deeds: { wish(patch), keep(patch), refresh(), down() } */
  constructor(kept, deeds) {
    this.search = new Search({ wish: (q) => deeds.wish({ q }), down: deeds.down });
    this.sort = h("select.networks-select", {
      title: t("Sort by"), "aria-label": t("Sort by"), onchange: () => deeds.wish({ sort: this.sort.value }),
    }, SORTS.map(([value, name]) => h("option", { value }, t(name))));
    this.sort.value = kept.sort;
    this.tile = h("input.library-tile-size", {
      type: "range", min: 84, max: 360, step: 4, value: kept.tile, title: t("Size of the pictures"),
      "aria-label": t("Size of the pictures"), oninput: () => this.sized(deeds),
    });
    this.places = iconButton("folders", t("Where to look"), () => deeds.keep({ places: !this.kept.places }));
    this.panel = iconButton("info", t("About the picture"), () => deeds.keep({ panel: !this.kept.panel }));
    this.refresh = iconButton("refresh", t("Look into the folders again"), deeds.refresh);
    this.element = h("div.library-bar", { role: "search" }, this.places, this.search.element, this.sort, this.tile,
      this.refresh, this.panel);
    this.show(kept);
  }

  sized(deeds) {
    deeds.keep({ tile: Number(this.tile.value) });
    this.fill();
  }

  show(kept) {
    this.kept = kept;
    this.places.setAttribute("aria-pressed", Boolean(kept.places));
    this.panel.setAttribute("aria-pressed", Boolean(kept.panel));
    this.fill();
  }

  /** gradio colours the part of a slider before its thumb by this. */
  fill() {
    const { min, max, value } = this.tile;
    this.tile.style.setProperty("--range_progress", `${((value - min) / (max - min)) * 100}%`);
  }
}
