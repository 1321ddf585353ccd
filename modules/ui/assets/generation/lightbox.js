// A picture in the whole window: ← and → turn, s saves, Esc or a click closes.
import { h, iconButton, t } from "../core/dom.js";

/** Pictures that Extras made of others' have none. */
export const hasSeed = (picture) => ![undefined, null, ""].includes(picture?.seed);

export class Lightbox {
  /** `turn(±1)` chooses the next picture and returns it. */
  constructor(turn) {
    this.turn = turn;
    this.image = h("img", { alt: "" });
    this.caption = h("p.caption");
    this.save = h("a.tool.download", { download: "", title: t("Download (s)") }, t("Download (s)"));
    this.dialog = h(
      "dialog.lightbox",
      { "aria-label": t("Picture"), tabIndex: -1, autofocus: true },
      this.image,
      this.caption,
      h(
        "div.over",
        {},
        iconButton("left", t("Previous (←)"), () => this.step(-1)),
        iconButton("right", t("Next (→)"), () => this.step(1)),
        this.save,
        iconButton("close", t("Close (Esc)"), () => this.dialog.close()),
      ),
    );
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog || event.target === this.image) this.dialog.close();
    });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
  }

  open(picture) {
    if (!this.dialog.isConnected) document.body.append(this.dialog);
    this.show(picture);
    this.dialog.showModal();
  }

  show(picture) {
    this.image.src = this.save.href = picture.url;
    this.image.alt = this.caption.textContent = hasSeed(picture)
      ? t("Seed {seed}", { seed: picture.seed })
      : t("Picture");
  }

  step(by) {
    const picture = this.turn(by);
    if (picture) this.show(picture);
  }

  key(event) {
    const action = { ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), s: () => this.save.click() }[
      event.key
    ];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") event.stopPropagation();      // closes this, interrupts nothing
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }
}
