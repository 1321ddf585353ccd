// Generation data twice, as a form and as raw text: what is changed in one is seen in the other.
import { copy, debounced, h, iconButton, t } from "../core/dom.js";
import { pictureData } from "../core/picture_data.js";
import { inWords } from "../core/server.js";
import { DataForm } from "./form.js";

const TYPING = 250;      // ms without a key before the other side follows

export class InStep {
  /** changed(): something is changed, or what could not be read is told of in `problem` */
  constructor(changed) {
    Object.assign(this, { changed, turn: 0, problem: "", side: null, following: null });
    this.raw = h("textarea.data-raw", {
      rows: 6, spellcheck: false, "aria-label": t("Raw text"), oninput: () => this.touch("raw"),
    });
    this.form = new DataForm(() => this.touch("form"));
    this.soon = debounced(() => { this.following = this.follow(); }, TYPING);
    this.element = h("div.data-both", {},
      h("div.data-head", {}, h("h3", {}, t("Raw text")), iconButton("copy", t("Copy"), () => copy(this.raw.value))),
      this.raw, this.form.element);
  }

  /** parts: { infotext, tab, fields, settings, unknown } */
  show(parts) {
    this.turn++;
    Object.assign(this, { side: null, problem: "" });
    this.raw.value = parts.infotext;
    this.begin(parts);
  }

  /** The form's changes are made in the text that it was drawn of: what it does not show stays as it is written. */
  begin(parts) {
    this.base = parts.infotext;
    this.form.show(parts);
  }

  /** Other raw text, as if somebody had typed it. */
  write(infotext) {
    this.raw.value = infotext;
    this.touch("raw");
  }

  touch(side) {
    this.turn++;
    this.side = side;
    this.soon();
    this.changed();
  }

  /** The side that was not touched takes over what the other says. */
  async follow() {
    const { turn, side } = this;
    if (!side) return;
    try {
      const parts = await pictureData.text(
        side === "raw" ? { infotext: this.raw.value } : { infotext: this.base, ...this.form.changes },
      );
      if (turn !== this.turn) return;
      this.raw.value = side === "raw" ? this.raw.value : parts.infotext;
      if (side === "raw") this.begin(parts);
      Object.assign(this, { side: null, problem: "" });
    } catch (error) {
      if (turn !== this.turn) return;
      const { message, hint } = inWords(error);
      this.problem = [message, hint].filter(Boolean).join(" ");
    }
    this.changed();
  }

  /** Both sides say the same, unless there is a problem. */
  async settled() {
    await this.following;
    if (this.side) await this.follow();
    return !this.side;
  }

  get infotext() { return this.raw.value; }
}
