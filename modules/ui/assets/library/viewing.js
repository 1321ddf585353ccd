// The library's pictures in the viewer.
import { h, iconButton, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { editButton } from "../core/picture_data.js";
import { inWords } from "../core/server.js";
import { forEditor, shelf } from "../core/shelf.js";
import { varyPicture } from "../generation/variants.js";
import { Viewer } from "../viewer/viewer.js";

/** A row of the list as the viewer takes it. */
export const inViewer = (picture) =>
  picture && { ...picture, url: picture.url ?? shelf.file(picture), caption: captionOf(picture) };

const captionOf = ({ name, width, height, favourite, rating }) =>
  [name, width ? `${width} × ${height}` : null, favourite ? "♥" : null, rating > 0 ? "★".repeat(rating) : null]
    .filter(Boolean).join(" · ");

export class LibraryViewing {
  /** library: the page */
  constructor(library) {
    Object.assign(this, { library, index: null });      // index: null while a picture is seen that is not in the list
    this.viewer = new Viewer({
      turn: (by) => this.turn(by),
      beside: (by) => this.beside(by),
      panel: (picture) => this.data(picture),
      buttons: (picture) => this.buttons(picture),
      keys: (event, picture) => this.key(event, picture),
      closed: () => this.closed(),
    });
  }

  async open(index) {
    const picture = await this.library.pictures.get(index);
    if (!picture) return;
    this.index = index;
    this.viewer.open(inViewer(picture));
  }

  /** A picture by its id, wherever it is. */
  async openId(id) {
    const index = this.library.pictures.placeOf(id);
    if (index >= 0) return this.open(index);
    try {
      this.index = null;
      this.viewer.open(inViewer(await shelf.picture(id)));
    } catch (error) {
      notice("library", inWords(error).message);
    }
  }

  openBoth(first, second) {
    this.index = null;
    this.viewer.openBoth(inViewer(first), inViewer(second));
  }

  async turn(by) {
    if (this.index === null) return null;
    const picture = await this.library.pictures.get(this.index + by);
    if (picture) this.index += by;
    return inViewer(picture);
  }

  beside(by) { return this.index === null ? null : inViewer(this.library.pictures.peek(this.index + by)); }

  async data(picture) {
    if (!picture.id) return null;
    try {
      const found = await shelf.picture(picture.id);
      return h("div", {}, h("h2", {}, found.name), ...this.library.panel.data(found));
    } catch (error) {
      return h("p.hint", {}, inWords(error).message);
    }
  }

  buttons(picture) {
    if (!picture.id) return [];
    const heart = h("button.tool.heart", {
      type: "button", title: t("Favourite (h)"), "aria-label": t("Favourite"),
      "aria-pressed": String(Boolean(picture.favourite)),
      onclick: () => this.change({ favourite: !picture.favourite }, picture),
    });
    return [
      heart, editButton([forEditor(picture)]), iconButton("variants", t("Vary this"), () => this.vary(picture)),
      iconButton("trash", t("To the trash (Delete)"), () => this.trash(picture)),
    ];
  }

  /** Its data are asked for: the list has them not. */
  async vary({ id }) {
    try {
      const found = await shelf.picture(id);
      this.viewer.dialog.close();
      if (found.infotext) varyPicture(found);
      else notice("library", t("This picture carries no generation data."));
    } catch (error) {
      notice("library", inWords(error).message);
    }
  }

  key({ key }, picture) {
    if (!picture.id) return false;
    if (/^[0-5]$/.test(key)) this.change({ rating: Number(key) }, picture);
    else if (key === "h") this.change({ favourite: !picture.favourite }, picture);
    else if (key === "Delete") this.trash(picture);
    else return false;
    return true;
  }

  change(patch, picture) {
    this.viewer.show(inViewer({ ...picture, ...patch }));
    return this.library.change({ pictures: [picture.id] }, patch);
  }

  async trash(picture) {
    const { index, library } = this;
    if (library.inTrash) return;
    await library.acts.trash({ pictures: [picture.id] });
    const next = index === null ? null : await library.pictures.get(Math.min(index, library.pictures.total - 1));
    if (!next) return this.viewer.dialog.close();
    this.index = Math.min(index, library.pictures.total - 1);
    this.viewer.show(inViewer(next));
  }

  /** The grid is where the viewer was. */
  closed() {
    if (this.index !== null) this.library.grid.go(this.index, "one");
  }
}
