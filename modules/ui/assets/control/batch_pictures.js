// Further pictures of a unit, which the pictures of a batch take in turn.
import { textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { reasonOf, server } from "../core/server.js";

const MOST_BATCH = 99;
const MOST_SHOWN = 8;      // small pictures; of the others only the number is told

export class BatchPictures {
  /** unit: whose further pictures they are; place.count(n): the batch has n pictures from now on */
  constructor(unit, place) {
    Object.assign(this, { unit, place, shown: null });
    this.input = h("input", {
      type: "file", accept: "image/*", multiple: true, hidden: true, onchange: () => this.chosen(),
    });
    this.told = h("span", { role: "status" });
    this.row = h("div.control-batch-row");
    this.more = textButton(t("Pictures for a batch"), () => this.input.click());
    this.each = textButton("", () => this.place.count(this.count));
    this.away = textButton(t("Take them away"), () => this.put([]));
    this.element = h("div.control-batch", {}, this.row, this.told, h("div.control-drawing", {}, this.each, this.away));
    this.show();
  }

  get names() { return this.unit.values.more_images; }

  /** Of all pictures, the unit's first one too. */
  get count() { return this.names.length + (this.unit.values.image ? 1 : 0); }

  async chosen() {
    const files = [...this.input.files].sort((one, two) => one.name.localeCompare(two.name, undefined, NUMBERS));
    this.input.value = "";
    await this.keep(files);
  }

  /** Send pictures to the server; the first is the unit's own if it has none. */
  async keep(files) {
    const first = this.unit.values.image ? [] : files.slice(0, 1);
    if (first.length && !await this.unit.picture.keep(first[0])) return;
    const found = [...this.names], rest = files.slice(first.length);
    try {
      this.element.hidden = false;
      for (const [place, file] of rest.slice(0, MOST_BATCH - found.length).entries()) {
        this.told.textContent = t("Picture {n} of {all} …", { n: place + 1, all: rest.length });
        found.push((await server.keep(file)).name);
      }
      if (found.length < this.names.length + rest.length)
        notice("control", t("A unit takes {n} pictures at most.", { n: MOST_BATCH + 1 }));
    } catch (error) {
      notice("control", reasonOf(error));
    }
    this.put(found);
  }

  put(names) {
    this.unit.set({ more_images: names });
  }

  /** usable: false for an IP-Adapter, which reads all its pictures for each */
  show(usable = true) {
    const { names, count } = this;
    if (usable && this.shown !== names) this.showRow(names);
    this.more.hidden = !usable;
    this.element.hidden = !usable || !names.length;
    this.told.textContent = t("The pictures of a batch take these {n} in turn.", { n: count });
    this.each.textContent = t("Batch count {n}: one for each", { n: count });
  }

  showRow(names) {
    const seen = names.slice(0, MOST_SHOWN), rest = names.length - seen.length;
    this.shown = names;
    this.row.replaceChildren(
      ...seen.map((name) => h("img", { src: server.input(name), alt: t("Another picture") })),
      ...(rest ? [h("span", {}, `+${rest}`)] : []));
  }
}

const NUMBERS = { numeric: true };
