// The data of one picture, edited: generation data, other texts and what a person says of it; saved without touching a
// pixel.
import { h, moment, t } from "../core/dom.js";
import { isUpload, pictureData } from "../core/picture_data.js";
import { reasonOf } from "../core/server.js";
import { saveAs } from "../core/save_as.js";
import { describingForm } from "./describing.js";
import { editBetween, isEmpty } from "./edits.js";
import { InStep } from "./in_step.js";
import { foldsOf } from "./readable.js";
import { StripChoice } from "./strip.js";

const button = (name, onclick, kind = "") => h(`button.card-button${kind}`, { type: "button", onclick }, t(name));

/** The answer about the one picture that was asked about. Throws what is wrong with it. */
function single({ pictures: [{ problem, ...answer }] }) {
  if (problem) throw { reply: problem.message ? problem : { message: problem } };
  return answer;
}

const fold = (title, content, hint = "") => h("details.data-fold", {}, h("summary", {}, t(title)),
  hint ? h("p.hint", {}, t(hint)) : null, content);

export class DataEditor {
  /** told: { opened(data) }: what the picture says now, after opening, saving or undoing */
  constructor(told) {
    Object.assign(this, { told, data: null, texts: {}, descriptive: {}, busy: false, failure: "", said: null });
    this.both = new InStep(() => this.follow());
    this.more = h("div.data-folds");
    this.trouble = h("p.data-trouble", { role: "alert" });
    this.word = h("p.data-word", { role: "status" });
    this.foot = h("footer.data-foot");
    this.element = h("section.data-editor", { "aria-label": t("Edit the data") },
      this.both.element, this.more, this.foot);
  }

  /** data: the server's reply to what the picture says; name: the file's, for downloads */
  open(data, name) {
    if (name !== undefined) this.name = name;
    Object.assign(this, { data, failure: "", said: null });
    this.texts = Object.fromEntries(data.texts.map(({ keyword, text }) => [keyword, text]));
    this.descriptive = structuredClone(data.descriptive);
    this.both.show(data);
    this.draw();
    this.told.opened(data);
  }

  draw() {
    const { data } = this, change = (keyword, text) => {
      if (text === null) delete this.texts[keyword];
      else this.texts[keyword] = text;
      this.follow();
    };
    this.strip = new StripChoice();
    this.more.replaceChildren(
      ...data.notes.map((note) => h("p.data-note", {}, note)),
      fold("Title, author, rating", describingForm(this.descriptive, () => this.follow())),
      ...foldsOf(data, { convert: (infotext) => this.both.write(infotext), change }),
      fold("Copy from another picture", this.sources(), "Its generation data take the place of these."),
      fold("Take data away", h("div.data-strip", {}, this.strip.element,
        h("div.data-more", {}, button("Take away", () => this.takeAway()))),
      "Before you give the picture to others. Pixels stay as they are."),
      ...(data.history.length ? [this.history()] : []),
    );
    this.buttons();
    this.follow();
  }

  sources() {
    const chooser = h("input", { type: "file", accept: "image/*", "aria-label": t("Copy from another picture"),
      onchange: () => chooser.files[0] && this.attempt(async () => {
        const found = await pictureData.read(await pictureData.upload(chooser.files[0]));
        const text = found.infotext || found.dialects.find(({ infotext }) => infotext)?.infotext;
        if (text) this.both.write(text);
        else this.say(t("This picture carries no generation data."));
      }) });
    const lost = button("Find lost data", () => this.repair());
    return h("div.data-more", {}, chooser, lost);
  }

  /** Data that an image editor has thrown away, by the same or a like picture in the library. */
  repair() {
    return this.attempt(async () => {
      const { found: [best], waiting } = single(await pictureData.repair([this.data.picture]));
      const others = waiting ? t("Pictures that have not been looked at yet: {n}", { n: waiting }) : "";
      if (!best) return this.say([t("No picture in the library looks like this one."), others].join(" ").trim());
      this.both.write(best.infotext);
      this.say(t("Taken from the library's picture that has the same content. Save it to keep it."));
    });
  }

  history() {
    const { history, picture } = this.data;
    const rows = history.map(({ at, what }) => [moment(new Date(at)), what]);
    const list = h("dl.data-list", {}, rows.flatMap(([when, what]) => [h("dt", {}, when), h("dd", {}, what)]));
    const forget = button("Empty the history", () => this.attempt(async () => {
      await pictureData.emptyHistory([picture]);
      await this.reload(picture);
    }));
    return fold("History", h("div", {}, list, h("div.data-more", {}, forget)),
      "The data before each saving are kept until you empty this.");
  }

  buttons() {
    const { picture, editable } = this.data, sent = isUpload(picture);
    this.revert = button("Discard changes", () => this.open(this.data));
    this.again = button("Read it again", () => this.attempt(() => this.reload(picture)));
    this.undo = button("Undo the last saving", () => this.takeBack());
    this.save = sent
      ? button("Save and download", () => this.keep(), ".card-primary")
      : button("Save", () => this.keep(), ".card-primary");
    this.copy = button("Save as a copy", () => this.keep({}, true));
    const download = button("Download", () => saveAs(pictureData.file(picture, this.name), this.name));
    const kept = sent || editable ? [this.save] : [];
    const others = sent ? [] : [this.copy, download];
    this.foot.replaceChildren(this.trouble, ...kept, ...others, this.revert, this.again, this.undo, this.word);
  }

  /** What is changed, as the server takes it. */
  get edit() {
    const { data } = this, of = ({ keyword, text }) => [keyword, text];
    const before = { infotext: data.infotext, texts: Object.fromEntries(data.texts.map(of)),
      descriptive: data.descriptive };
    return editBetween(before, { infotext: this.both.infotext, texts: this.texts, descriptive: this.descriptive });
  }

  get isChanged() { return Boolean(this.data) && !isEmpty(this.edit); }

  follow() {
    if (!this.save) return;
    const changed = this.isChanged, stuck = this.busy || Boolean(this.both.problem);
    if (changed && this.said?.untilChanged) this.said = null;
    this.word.textContent = this.said?.text ?? "";
    this.trouble.textContent = this.both.problem || this.failure;
    this.again.hidden = !this.failure;
    this.save.disabled = this.copy.disabled = stuck || !changed;
    this.revert.hidden = !changed;
    this.undo.hidden = changed || !this.data.history.length;
  }

  /** Beside the buttons, where it covers none of them. untilChanged: it tells of data as they are now */
  say(text, untilChanged = false) {
    this.said = { text, untilChanged };
    this.follow();
  }

  async attempt(deed) {
    if (this.busy) return;
    Object.assign(this, { busy: true, failure: "", said: null });
    this.follow();
    try {
      await deed();
    } catch (error) {
      this.failure = reasonOf(error);
    } finally {
      this.busy = false;
      this.follow();
    }
  }

  async reload(picture) { this.open(await pictureData.read(picture)); }

  /** extra: what is to be done beside what was changed here */
  keep(extra = {}, asCopy = false) {
    return this.attempt(async () => {
      if (!await this.both.settled()) return;
      const edit = { ...this.edit, ...extra };
      const { picture, revision } = this.data;
      const more = { revisions: { [picture]: revision }, as_copy: asCopy };
      const saved = single(await pictureData.save([picture], edit, more));
      await this.reload(saved.picture);
      if (isUpload(saved.picture)) saveAs(pictureData.file(saved.picture, this.name), this.name);
      this.say(asCopy ? t("Saved as a copy, which is shown now.") : t("Saved. No pixel was touched."), true);
    });
  }

  takeAway() {
    const { chosen } = this.strip;
    if (!chosen.length) return this.say(t("Tick what is to be taken away."));
    return this.keep({ strip: chosen });
  }

  takeBack() {
    return this.attempt(async () => {
      await this.reload(single(await pictureData.undo([this.data.picture])).picture);
      this.say(t("The data are as they were before."), true);
    });
  }
}
