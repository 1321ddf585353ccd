// A picture in the whole window: ← and → turn, s saves, Esc or a click closes; zoomed, compared, shown in turn.
import { h, iconButton, t } from "../core/dom.js";
import { tab as kept } from "../core/storage.js";
import { Sheet } from "./sheet.js";

const PAUSES = [2, 4, 8, 15];      // seconds that a slideshow rests on a picture

export class Viewer {
  /** source: what there is to see. A picture is { url, name, caption }.
   *
   * turn(±1) chooses the next one and returns it, or a promise of it, or null at an end; beside(±1), if there is one,
   * returns the same without choosing it; panel(picture) returns an element that tells about it; keys(event, picture)
   * returns whether the key meant something; buttons(picture) returns more buttons; closed(picture).
   */
  constructor(source) {
    Object.assign(this, { source, picture: null, pinned: null, asked: 0, timer: 0 });
    this.sheet = new Sheet({
      clicked: () => this.clicked(), changed: () => this.say(), swiped: (by) => this.step(by),
    });
    this.caption = h("p.caption", { role: "status" });
    this.aside = h("aside.viewer-panel", { hidden: true, "aria-label": t("About the picture") });
    this.build();
    this.dialog = h("dialog.lightbox", { "aria-label": t("Picture"), tabIndex: -1, autofocus: true },
      h("div.viewer-room", {}, this.sheet.element, this.caption), this.aside, this.bar);
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("close", () => this.left());
  }

  build() {
    this.save = h("a.tool.download", { download: "", title: t("Download (s)") }, t("Download (s)"));
    this.pin = iconButton("compare", t("Compare with the next (c)"), () => this.compare());
    this.data = iconButton("info", t("Data (i)"), () => this.fold());
    this.play = iconButton("resume", t("Slideshow (space)"), () => this.slideshow());
    this.pace = h("select.viewer-pace", {
      hidden: true, "aria-label": t("Seconds a picture"), onchange: () => this.rest(),
    }, PAUSES.map((seconds) => h("option", { value: seconds }, `${seconds} s`)));
    this.pace.value = kept.get("slideshow") ?? 4;
    this.own = h("span.viewer-own");
    this.bar = h("div.over", {}, this.own,
      iconButton("left", t("Previous (←)"), () => this.step(-1)),
      iconButton("right", t("Next (→)"), () => this.step(1)),
      iconButton("zoom", t("Pixel by pixel, or all of it (z)"), () => this.sheet.pixels()),
      this.pin, this.pace, this.play,
      iconButton("fullscreen", t("Full screen (f)"), () => this.fullscreen()),
      this.data, this.save, iconButton("close", t("Close (Esc)"), () => this.dialog.close()));
  }

  open(picture) {
    if (!this.dialog.isConnected) document.body.append(this.dialog);
    this.data.hidden = !this.source.panel;
    this.aside.hidden = !this.source.panel || !kept.get("viewer.data");
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.focus();
    this.sheet.fit();
    return this.show(picture);
  }

  /** Two pictures, one laid over the other. */
  openBoth(first, second) {
    this.pinned = first;
    return this.open(second);
  }

  /** Is it open on a picture of this kind? */
  shows(kind) { return this.dialog.open && this.picture?.kind === kind; }

  async show(picture) {
    const asked = ++this.asked;
    this.picture = picture;
    this.save.href = picture.url;
    this.own.replaceChildren(...(this.source.buttons?.(picture) ?? []));
    this.say();
    this.tell();
    const pinned = this.pinned && this.pinned.url !== picture.url ? this.pinned : null;
    this.sheet.against(pinned?.url, pinned?.name);
    const came = await this.sheet.show(picture.url, picture.caption || picture.name);
    if (asked !== this.asked) return;
    this.dialog.classList.toggle("viewer-broken", !came);
    this.say();
    for (const by of [1, -1]) this.fetch(this.source.beside?.(by));
  }

  /** What one turns to is fetched before. */
  fetch(picture) {
    if (picture?.url) new Image().src = picture.url;
  }

  say() {
    if (!this.picture) return;
    const { caption, name } = this.picture, { percent } = this.sheet;
    const what = this.dialog.classList.contains("viewer-broken") ? t("This picture cannot be shown.") : caption || name;
    const against = this.pinned ? t("on the left: {name}", { name: this.pinned.caption || this.pinned.name }) : null;
    this.caption.textContent = [what, percent ? `${percent} %` : null, against].filter(Boolean).join(" · ");
    this.pin.setAttribute("aria-pressed", Boolean(this.pinned));
    this.data.setAttribute("aria-pressed", !this.aside.hidden);
  }

  async tell() {
    if (this.aside.hidden) return;
    const { picture } = this, found = await this.source.panel(picture);
    if (picture === this.picture) this.aside.replaceChildren(found ?? h("p.hint", {}, t("There are no data.")));
  }

  async step(by) {
    const asked = this.asked, picture = await this.source.turn(by);
    if (asked !== this.asked || !this.dialog.open) return;
    if (picture) this.show(picture);
    else this.stop();
    if (this.timer) this.rest();
  }

  clicked() { if (this.sheet.isFitted && !this.pinned) this.dialog.close(); }

  compare() {
    this.pinned = this.pinned ? null : this.picture;
    if (this.pinned) return this.step(1);
    this.sheet.against(null);
    this.say();
  }

  fold() {
    this.aside.hidden = !this.aside.hidden;
    kept.set("viewer.data", !this.aside.hidden);
    this.say();
    this.tell();
  }

  slideshow() {
    if (this.timer) return this.stop();
    this.pace.hidden = false;
    this.play.classList.replace("resume", "pause");
    this.rest();
  }

  rest() {
    clearTimeout(this.timer);
    kept.set("slideshow", Number(this.pace.value));
    this.timer = setTimeout(() => this.step(1), Number(this.pace.value) * 1000);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.pace.hidden = true;
    this.play.classList.replace("pause", "resume");
  }

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.dialog.requestFullscreen?.().catch(() => { /* forbidden here: the window is filled all the same */ });
  }

  left() {
    this.stop();
    this.asked++;
    this.pinned = null;
    this.sheet.against(null);
    if (document.fullscreenElement === this.dialog) document.exitFullscreen();
    this.source.closed?.(this.picture);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return event.stopPropagation();      // closes this, interrupts nothing
    if (event.target.matches("input:not([type=range]), textarea, select")) return;
    const action = this.actions[event.key];
    if (!action && !this.source.keys?.(event, this.picture)) return;
    event.preventDefault();
    event.stopPropagation();
    action?.();
  }

  actions = {
    ArrowLeft: () => this.step(-1),
    ArrowRight: () => this.step(1),
    s: () => this.save.click(),
    z: () => this.sheet.pixels(),
    "+": () => this.sheet.zoom(true),
    "=": () => this.sheet.zoom(true),
    "-": () => this.sheet.zoom(false),
    i: () => { if (this.source.panel) this.fold(); },
    f: () => this.fullscreen(),
    c: () => this.compare(),
    " ": () => this.slideshow(),
  };
}
