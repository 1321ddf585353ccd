// The pictures of a data set: chosen or dropped, with their captions, crops and tags.
import { dangerousButton, textButton } from "../core/dialog.js";
import { debounced, h, t } from "../core/dom.js";
import { notice, unnotice } from "../core/notices.js";
import { reasonOf } from "../core/server.js";
import { askedText } from "./asked.js";
import { CaptionTools } from "./caption_tools.js";
import { PictureCard } from "./picture_card.js";
import { datasets } from "./trainer.js";

const FIRST = 120;      // cards drawn at once

export class TrainingPictures {
  cards = [];
  tag = null;            // pictures with it alone are shown
  words = "";
  shown = FIRST;
  turn = Promise.resolve(null);      // the latest change
  loads = 0;
  placed = new Map();      // by picture: bucket, crop, problems

  constructor(draft) {
    this.draft = draft;
    this.chooser = h("select", { id: "training_dataset", "aria-label": t("Data set"), onchange: () => this.chosen() });
    this.drop = this.dropZone();
    this.tools = new CaptionTools(this);
    this.tags = h("div.training-tags", { role: "group", "aria-label": t("Tags") });
    this.grid = h("div.training-grid", {});
    this.more = textButton(t("Show more"), () => { this.shown += FIRST; this.draw(); });
    this.told = h("p.hint", { role: "status" });
    const head = h("div.training-bar", {}, this.chooser,
      textButton(t("New data set"), () => this.newOne()), textButton(t("A folder…"), () => this.nameFolder()),
      this.removal = dangerousButton(t("Delete"), t("Delete all its pictures?"), () => this.deleteAll()));
    this.root = h("section.training-part.training-pictures", {}, h("h2", {}, t("Pictures")), head, this.drop, this.told,
      this.tools.root, this.tags, this.grid, this.more);
    this.refresh();
  }

  dropZone() {
    const chooser = h("input", { type: "file", accept: "image/*,.txt,.caption", multiple: true, id: "training_files",
      onchange: () => { this.receive([...chooser.files]); chooser.value = ""; } });
    return h("label.drop-zone.training-drop", {
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => {
        event.preventDefault();
        event.stopPropagation();
        this.receive([...event.dataTransfer.files]);
      },
    }, h("span", {}, t("Drop pictures here with their caption files, or click to choose")), chooser);
  }

  // Data sets

  async refresh() {
    const found = await this.attempt(() => datasets.list());
    if (!found) return;
    this.list = found;
    const names = found.map(({ folder, name, pictures }) =>
      h("option", { value: folder }, `${name} · ${pictures}`));
    const other = this.draft.folder && !found.some(({ folder }) => folder === this.draft.folder)
      ? [h("option", { value: this.draft.folder }, this.draft.folder)] : [];
    this.chooser.replaceChildren(h("option", { value: "" }, t("Choose pictures…")), ...names, ...other);
    this.chooser.value = this.draft.folder;
    await this.load();
  }

  chosen(folder = this.chooser.value) {
    this.tag = null;
    this.draft.set({ train_data_dir: folder });
    return this.refresh();
  }

  async newOne(name = null) {
    const called = name ?? await askedText(t("New data set"), t("Name"), t("Make"));
    if (!called) return null;
    const made = await this.attempt(() => datasets.make(called));
    if (made) await this.chosen(made.folder);
    return made?.folder ?? null;
  }

  async nameFolder() {
    const folder = await askedText(t("A folder on this computer"), t("Its whole path"), t("Open"));
    if (folder) await this.chosen(folder);
  }

  async deleteAll() {
    await this.attempt(() => datasets.delete(this.draft.folder));
    await this.chosen("");
  }

  // Pictures

  async load() {
    const folder = this.draft.folder, load = ++this.loads;
    this.removal.hidden = !folder.startsWith("datasets/");
    const view = folder ? await this.attempt(() => datasets.view(folder)) : null;
    if (load !== this.loads || folder !== this.draft.folder) return;      // a later look is on its way
    this.view = view;
    const before = new Map(this.cards.map((card) => [card.name, card]));
    this.cards = (this.view?.pictures ?? []).map((facts) => {
      const card = before.get(facts.picture) ?? new PictureCard(this, facts);
      card.take(facts);
      return card;
    });
    this.drop.hidden = Boolean(folder) && this.view?.editable === false;
    this.root.classList.toggle("has-pictures", this.cards.length > 0);
    this.draw();
  }

  /** Files that somebody gave: pictures go to the server one by one, texts of the same names are their captions. */
  async receive(files) {
    const pictures = files.filter(({ type }) => type.startsWith("image/"));
    const texts = new Map(files.filter(({ name }) => /\.(txt|caption)$/i.test(name)).map((file) => [stem(file), file]));
    if (!this.draft.folder && !(await this.newOne(freeName(this.list ?? [])))) return;
    const captions = {};
    for (const [place, file] of pictures.entries()) {
      notice("training-files", t("Sending picture {n} of {total}", { n: place + 1, total: pictures.length }), 0);
      const kept = await this.attempt(() => datasets.send(this.draft.folder, file));
      if (kept && texts.has(stem(file))) captions[kept.picture] = await texts.get(stem(file)).text();
    }
    unnotice("training-files");
    if (Object.keys(captions).length) await this.attempt(() => datasets.write(this.draft.folder, captions));
    await this.refresh();
    this.draft.tell(this);
  }

  async write(captions) {
    const told = await this.inTurn(() => datasets.write(this.draft.folder, captions));
    if (told) this.written(told.before);
  }

  /** What was written can be taken back once. */
  written(before) {
    this.before = before;
    this.reload();
  }

  reload = debounced(async () => { await this.load(); this.draft.tell(this); }, 50);

  async undo() {
    const before = this.before;
    this.before = null;
    if (before && await this.inTurn(() => datasets.write(this.draft.folder, before))) this.reload();
  }

  async change(change) {
    const names = this.chosenNames();
    const told = await this.inTurn(() => datasets.tags(this.draft.folder, names, change));
    if (told && Object.keys(told.before).length) this.written(told.before);
  }

  async remove(names) {
    await this.inTurn(() => datasets.remove(this.draft.folder, names));
    this.reload();
  }

  /** What the plan says of each picture. */
  place(pictures) {
    this.placed = new Map((pictures?.placed ?? []).map((each) => [each.picture, { ...each, problems: [] }]));
    for (const problem of pictures?.problems ?? []) this.placed.get(problem.picture)?.problems.push(problem);
    for (const card of this.cards) card.place(this.placed.get(card.name));
  }

  // Shown

  matching() {
    const fits = ({ caption }) => caption.toLowerCase().includes(this.words)
      && (!this.tag || caption.split(",").some((each) => each.trim() === this.tag));
    return this.cards.filter(fits);
  }

  chosenNames() {
    const found = this.matching(), chosen = found.filter((card) => card.chosen);
    return (chosen.length ? chosen : found).map(({ name }) => name);
  }

  search(words) { this.words = words.toLowerCase(); this.draw(); }

  draw() {
    const found = this.matching();
    this.grid.replaceChildren(...found.slice(0, this.shown).map((card) => card.root));
    this.more.hidden = found.length <= this.shown;
    const tags = this.view?.tags ?? [];
    this.tags.replaceChildren(...tags.slice(0, 40).map(([tag, count]) => h("button", {
      type: "button", "aria-pressed": String(tag === this.tag),
      onclick: () => { this.tag = tag === this.tag ? null : tag; this.draw(); },
    }, tag, h("span", {}, String(count)))));
    const uncaptioned = this.cards.filter(({ source }) => !["file", "metadata"].includes(source)).length;
    this.told.textContent = !this.draft.folder ? "" : [
      this.cards.length === 1 ? t("One picture") : t("{n} pictures", { n: this.view?.total ?? 0 }),
      uncaptioned && this.cards.length ? t("{n} without a caption of their own", { n: uncaptioned }) : null,
      this.view && !this.view.editable ? t("only to be read") : null,
    ].filter(Boolean).join(" · ");
    this.tools.draw();
  }

  /** Changes go one after the other, so that none is made to captions that another is about to change. */
  inTurn(deed) {
    this.turn = this.turn.then(() => this.attempt(deed));
    return this.turn;
  }

  async attempt(deed) {
    try { return await deed(); } catch (error) {
      notice("training", reasonOf(error), 8);
      return null;
    }
  }
}

const stem = ({ name }) => name.replace(/\.[^.]*$/, "");

function freeName(list) {
  const taken = new Set(list.map(({ name }) => name));
  for (let number = 1; ; number++) {
    const name = number === 1 ? "my pictures" : `my pictures ${number}`;
    if (!taken.has(name)) return name;
  }
}
