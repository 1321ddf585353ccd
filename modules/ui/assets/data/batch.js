// The data of several pictures: edited together, after a look at what will change, and compared.
import { h, number, t } from "../core/dom.js";
import { notice, unnotice } from "../core/notices.js";
import { MOST_COMPARED, isUpload, pictureData } from "../core/picture_data.js";
import { saveAnswer, saveAs } from "../core/save_as.js";
import { reasonOf } from "../core/server.js";
import { comparison } from "./comparison.js";
import { isEmpty } from "./edits.js";
import { Rules } from "./rules.js";

const AT_ONCE = 100;     // pictures in one request
const MOST_ZIPPED = 500; // pictures in one zip, as the server takes them
const SHOWN = 200;      // pictures of a preview

const button = (name, onclick, kind = "") => h(`button.card-button${kind}`, { type: "button", onclick }, t(name));

export class DataBatch {
  /** deeds: { open(picture) a single one, use(preset, pictures) } */
  constructor(deeds) {
    Object.assign(this, { deeds, pictures: [], saved: null, changing: new Set() });
    this.title = h("h3");
    this.list = h("div.data-chosen");
    this.below = h("div.data-batch", { role: "status" });
    this.rules = new Rules(() => this.outdated());
    this.look = button("Show what will change", () => this.preview());
    this.save = button("Save", () => this.keep(false), ".card-primary");
    this.copies = button("Save as copies", () => this.keep(true));
    this.undo = button("Undo", () => this.takeBack());
    this.compare = button("Compare", () => this.side());
    this.trouble = h("p.data-trouble", { role: "alert" });
    const foot = h("footer.data-foot", {}, this.trouble, this.look, this.save, this.copies, this.undo, this.compare);
    this.element = h("section.data-batch", { "aria-label": t("Edit several pictures") },
      this.title, this.list, this.rules.element, foot, this.below);
  }

  /** pictures: [{ picture, name, url }]; files that are the same are one picture */
  show(given) {
    const pictures = [...new Map(given.map((each) => [each.picture, each])).values()];
    Object.assign(this, { pictures, saved: null });
    this.title.textContent = t("{n} pictures", { n: number(pictures.length) });
    this.list.replaceChildren(...pictures.map((each) => h("button", {
      type: "button", title: t("Edit {name} alone", each), onclick: () => this.deeds.open(each),
    }, h("img", { src: each.url, alt: "", loading: "lazy" }), h("span", {}, each.name))));
    this.outdated();
  }

  get references() { return this.pictures.map(({ picture }) => picture); }

  nameOf(picture) { return this.pictures.find((each) => each.picture === picture)?.name ?? picture; }

  /** Nothing is saved whose changes nobody has seen. */
  outdated() {
    this.changing = new Set();      // those that the edit that was looked at changes
    this.trouble.textContent = "";
    this.below.replaceChildren();
    this.follow();
  }

  follow() {
    const { pictures } = this, sent = pictures.every(({ picture }) => isUpload(picture));
    this.look.disabled = isEmpty(this.rules.edit);
    this.save.disabled = this.copies.disabled = !this.changing.size;
    this.save.textContent = sent ? t("Save and download") : t("Save");
    this.copies.hidden = sent;
    this.undo.hidden = !this.saved;
    this.compare.hidden = pictures.length < 2 || pictures.length > MOST_COMPARED;
  }

  async attempt(deed) {
    this.element.inert = true;
    this.trouble.textContent = "";
    try {
      await deed();
    } catch (error) {
      this.trouble.textContent = reasonOf(error);
    } finally {
      this.element.inert = false;
      this.follow();
    }
  }

  /** What the server answers about each picture; of many, some are sent at a time. */
  async inParts(ask, references = this.references) {
    const found = [];
    for (let start = 0; start < references.length; start += AT_ONCE)
      found.push(...(await ask(references.slice(start, start + AT_ONCE))).pictures);
    return found;
  }

  problemsOf(pictures) {
    return pictures.filter(({ problem }) => problem).map(({ picture, problem }) =>
      h("p.data-trouble", {}, `${this.nameOf(picture)}: ${problem.message ?? problem}`));
  }

  /** What an edit cannot do: of each picture, in the server's words. */
  notesOf(pictures) {
    return pictures.flatMap(({ picture, notes = [] }) =>
      notes.map((note) => h("p.data-note", {}, `${this.nameOf(picture)}: ${note}`)));
  }

  preview() {
    return this.attempt(async () => {
      const { edit } = this.rules, pictures = await this.inParts((some) => pictureData.preview(some, edit));
      const touched = pictures.filter(({ changes, problem }) => changes?.length || problem);
      this.changing = new Set(touched.filter(({ problem }) => !problem).map(({ picture }) => picture));
      this.below.replaceChildren(
        h("p", {}, t("{n} of {total} pictures change.", { n: this.changing.size, total: pictures.length })),
        ...this.notesOf(pictures),
        touched.length ? changesTable(touched.slice(0, SHOWN), (picture) => this.nameOf(picture)) : "");
    });
  }

  keep(asCopy) {
    return this.attempt(async () => {
      const before = this.pictures, { changing } = this, { edit } = this.rules;
      const pictures = await this.inParts((some) => pictureData.save(some, edit, { as_copy: asCopy }));
      const now = before.map((each, i) => (pictures[i].problem ? each : { ...each, picture: pictures[i].picture }));
      const changed = now.filter((_, i) => changing.has(before[i].picture) && !pictures[i].problem);
      this.show(asCopy ? before : now);
      this.saved = asCopy ? null : { before, changed: changed.map(({ picture }) => picture) };
      const done = t("{n} pictures saved. No pixel was touched.", { n: changed.length });
      this.below.replaceChildren(h("p", {}, done), ...this.problemsOf(pictures));
      await this.download(now.filter(({ picture }) => !asCopy && isUpload(picture)));
    });
  }

  /** A single file as it is, several as a zip; of very many, some in each. */
  async download(pictures) {
    const named = pictures.map(({ picture, name }) => ({ picture, name }));
    if (named.length === 1) return saveAs(pictureData.file(named[0].picture, named[0].name), named[0].name);
    for (let start = 0; start < named.length; start += MOST_ZIPPED)
      await saveAnswer(pictureData.zip, { pictures: named.slice(start, start + MOST_ZIPPED) }, "pictures.zip");
  }

  /** What the last saving changed, and nothing that was edited before. */
  takeBack() {
    return this.attempt(async () => {
      const { before, changed } = this.saved, kept = changed.filter((picture) => !isUpload(picture));
      const undone = await this.inParts((some) => pictureData.undo(some), kept);
      this.show(before);
      this.below.replaceChildren(h("p", {}, t("The data are as they were before.")), ...this.problemsOf(undone));
    });
  }

  side() {
    return this.attempt(async () => {
      const found = await pictureData.compare(this.references);
      this.below.replaceChildren(comparison(this.pictures, found, (preset) => this.deeds.use(preset, this.pictures)));
      this.below.scrollIntoView({ block: "nearest" });
    });
  }
}

function changesTable(pictures, nameOf) {
  const head = h("tr", {}, [t("Picture"), t("What"), t("Before"), t("After")].map((name) => h("th", {}, name)));
  const rows = pictures.flatMap(({ picture, name, changes, problem }) => {
    const called = name || nameOf(picture);
    if (problem) return [h("tr", {}, h("td", {}, called), h("td.wrong", { colSpan: 3 }, problem.message ?? problem))];
    return changes.map(({ what, before, after }, i) => h("tr", {}, h("td", {}, i ? "" : called), h("td", {}, t(what)),
      h("td", {}, before === null ? "–" : h("del", {}, String(before))),
      h("td", {}, after === null ? "–" : h("ins", {}, String(after)))));
  });
  return h("div.data-wide-table", {},
    h("table.data-table.data-changes", {}, h("thead", {}, head), h("tbody", {}, rows)));
}

/** Files of this computer, sent one after another: [{ picture, name, url }]. */
export async function sentPictures(files) {
  const sent = [];
  try {
    for (const [place, file] of files.entries()) {
      notice("sending", t("Sending picture {n} of {total}", { n: place + 1, total: files.length }), 0);
      sent.push({ picture: await pictureData.upload(file), name: file.name, url: URL.createObjectURL(file) });
    }
  } finally {
    unnotice("sending");
  }
  return sent;
}
