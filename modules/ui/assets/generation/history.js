// Under a tab's results: what was made before, newest first, from the library; and where a lost job's pictures are.
import { h, iconButton, t } from "../core/dom.js";
import { editButton } from "../core/picture_data.js";
import { inWords } from "../core/server.js";
import { forEditor, shelf } from "../core/shelf.js";
import { browser } from "../core/storage.js";
import { Viewer } from "../viewer/viewer.js";
import { pasteInfotext } from "./paste.js";

const NEWEST = 60;      // pictures

/** A button that shows the Library tab: { in: a place, q: words }. */
const link = (name, detail) => h("button.library-link", {
  type: "button", onclick: () => document.dispatchEvent(new CustomEvent("easel-library", { detail })),
}, name);

export class History {
  /** owner: the tab under whose results it stands */
  constructor({ tab, form, job }) {
    Object.assign(this, { form, pictures: [], at: 0, ended: null });
    this.strip = h("div.history-strip");
    this.lost = h("p.history-lost", { role: "status", hidden: true });
    this.fold = h("details.history", { open: Boolean(browser.get(`history.${tab}`)) },
      h("summary", {}, t("History")), this.strip);
    this.fold.addEventListener("toggle", () => {
      browser.set(`history.${tab}`, this.fold.open);
      if (this.fold.open) this.load();
    });
    this.element = h("div.history-place", {}, this.lost, this.fold);
    this.viewer = new Viewer({
      turn: (by) => this.turn(by), beside: (by) => this.seen(this.at + by), panel: (picture) => this.data(picture),
      buttons: (picture) => [
        iconButton("paste", t("Fill the form with its data"), () => this.fill(picture)),
        editButton([forEditor(picture)]),
      ],
    });
    job.onUpdate((record) => this.follow(record));
    job.onLost((id) => this.missed(id));
    if (this.fold.open) this.load();
  }

  /** A job that has ended has made pictures. */
  follow(record) {
    if (record) this.lost.hidden = true;
    const ended = record && !["queued", "running"].includes(record.state) ? record.id : null;
    if (ended && ended !== this.ended && this.fold.open) this.load();
    this.ended = ended;
  }

  /** A job of which the server has no record any more: its pictures may be in the library. */
  async missed(job) {
    const place = `job:${job}`, { total } = await shelf.list({ in: place, limit: 1 }).catch(() => ({ total: 0 }));
    if (!total) return;
    this.lost.hidden = false;
    const show = link(t("Show it in the Library"), { in: place });
    this.lost.replaceChildren(`${t("What this tab made last is not lost:")} `, show);
  }

  async load() {
    try {
      this.pictures = (await shelf.list({ sort: "newest", limit: NEWEST })).pictures.filter(({ broken }) => !broken);
      const more = link(t("All in the Library"), {});
      this.strip.replaceChildren(...this.pictures.map((picture, i) => this.thumb(picture, i)),
        this.pictures.length ? more : h("p.hint", {}, t("There are no pictures yet.")));
    } catch (error) {
      this.strip.replaceChildren(h("p.hint", {}, inWords(error).message));
    }
  }

  thumb(picture, i) {
    const image = h("img", { src: shelf.thumbnail(picture), alt: "", loading: "lazy" });
    return h("button.thumb", {
      type: "button", title: picture.name, "aria-label": picture.name,
      onclick: () => { this.at = i; this.viewer.open(this.seen(i)); },
    }, image);
  }

  seen(i) {
    const picture = this.pictures[i];
    return picture ? { ...picture, url: shelf.file(picture), caption: picture.name } : null;
  }

  turn(by) {
    const found = this.seen(this.at + by);
    if (found) this.at += by;
    return found;
  }

  async data({ id }) {
    const { infotext } = await shelf.picture(id).catch(() => ({}));
    return infotext ? h("p.infotext", {}, infotext) : null;
  }

  async fill({ id }) {
    const { infotext } = await shelf.picture(id).catch(() => ({}));
    if (await pasteInfotext(infotext ?? "", this.form)) this.viewer.dialog.close();
  }
}
