// One picture of a data set: what is cut off, its caption, which is written when it is left, and what is wrong with it.
import { h, iconButton, t } from "../core/dom.js";
import { datasets } from "./trainer.js";

const SOURCES = { "class words": "from the folder's name", none: "no caption", name: "from the file's name" };
const CHUNK = 75;      // tokens that a text encoder reads at once

export class PictureCard {
  chosen = false;

  constructor(pictures, { picture }) {
    Object.assign(this, { pictures, name: picture });
    this.image = h("img", { alt: picture, loading: "lazy", decoding: "async" });
    this.frame = h("div.crop-frame", { hidden: true });
    this.box = h("input", { type: "checkbox", title: t("Choose {name}", { name: picture }),
      onchange: () => { this.chosen = this.box.checked; this.pictures.tools.draw(); } });
    this.text = h("textarea", { rows: 3, spellcheck: false, "aria-label": t("Caption of {name}", { name: picture }),
      onchange: () => this.pictures.write({ [this.name]: this.text.value }) });
    this.foot = h("p.training-facts", {});
    this.problems = h("ul.training-problems", {});
    this.gone = iconButton("close", t("Delete {name}", { name: picture }), () => this.pictures.remove([this.name]));
    this.root = h("figure.training-card", {},
      h("div.training-picture", {}, h("div.training-sheet", {}, this.image, this.frame), this.box, this.gone),
      h("figcaption", {}, this.text, this.foot, this.problems));
  }

  take({ caption, source, tokens, version }) {
    const folder = this.pictures.draft.folder;
    if (version !== this.version) this.image.src = datasets.picture(folder, this.name, version);
    Object.assign(this, { caption, source, tokens, version });
    const own = source === "file" || source === "metadata";
    if (document.activeElement !== this.text) this.text.value = own ? caption : "";
    this.text.placeholder = own ? "" : caption || t("What is to be seen?");
    this.text.readOnly = !this.pictures.view.editable;
    this.gone.hidden = !this.pictures.view.editable;
    this.place(this.pictures.placed.get(this.name));
  }

  /** What the plan makes of it. */
  place(placed) {
    this.frame.hidden = !placed || placed.cut < 0.005;
    if (placed) {
      const [width, height] = placed.scaled, [left, top] = placed.crop, [w, high] = placed.bucket;
      const percent = (part, whole) => `${(100 * part) / whole}%`;
      Object.assign(this.frame.style, {
        left: percent(left, width), top: percent(top, height), width: percent(w, width), height: percent(high, height),
      });
      this.frame.title = t("{n} % of it is cut off", { n: Math.round(100 * placed.cut) });
    }
    const tokens = h("span", { className: this.tokens > CHUNK ? "wrong" : "" }, t("{n} tokens", { n: this.tokens }));
    const from = SOURCES[this.source] ? h("span", { className: this.source === "none" ? "wrong" : "" },
      t(SOURCES[this.source])) : null;
    const size = placed ? h("span", { title: t("Size, and the bucket it goes into") },
      `${placed.size.join("×")} → ${placed.bucket.join("×")}`) : null;
    this.foot.replaceChildren(...[size, tokens, from].filter(Boolean));
    this.problems.replaceChildren(...(placed?.problems ?? []).map(({ message, fatal }) =>
      h("li", { className: fatal ? "wrong" : "" }, message)));
  }
}
