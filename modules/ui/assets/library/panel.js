// What is known of the chosen picture, and what may be written about it; of several, what they share.
import { copy, debounced, h, iconButton, moment, number, t } from "../core/dom.js";
import { inWords } from "../core/server.js";
import { shelf } from "../core/shelf.js";
import { browser } from "../core/storage.js";
import { chips } from "./chips.js";
import { familyTree, lookalikes } from "./relatives.js";
import { quoted } from "./search.js";
import { stars } from "./stars.js";

const WRITING = 700;      // ms without a key before a note is kept
const LONG = 60;          // characters of a value that stands on lines of its own
// Keys of generation data that the search language calls otherwise.
const FIELDS = { "CFG scale": "cfg", "Denoising strength": "denoising" };

export class Panel {
  /** deeds: { change(which, patch), search(term), place(place), open(id), albums(), tags() (names), above(picture)
   * (an element or null), buttons(selection, picture) }
   */
  constructor(deeds) {
    this.deeds = deeds;
    this.turn = 0;
    this.element = h("aside.library-panel", { "aria-label": t("About the picture") });
  }

  /** chosen: the selection */
  async show(selection) {
    const turn = ++this.turn, { only, size } = selection;
    if (only) return this.one(only, turn);
    this.shown = null;
    const hint = h("p.hint", {}, t("Choose a picture to see how it was made."));
    this.fill(size ? this.many(selection) : [hint], true);
  }

  many(selection) {
    const { which } = selection, change = (patch) => this.deeds.change(which, patch);
    const pictures = selection.pictures, common = {
      favourite: pictures.length > 0 && pictures.every(({ favourite }) => favourite),
      rating: pictures.length && pictures.every(({ rating }) => rating === pictures[0].rating) ? pictures[0].rating : 0,
    };
    return [
      h("h2", {}, t("{n} pictures", { n: number(selection.size) })), stars(common, change),
      h("div.library-acts", {}, this.deeds.buttons(selection)),
      chips("Tags", [], this.deeds.tags(), { add: (name) => change({ add_tags: [name] }) }),
      chips("Albums", [], this.deeds.albums(), { add: (name) => change({ add_albums: [name] }) }),
    ];
  }

  async one(picture, turn) {
    if (this.shown?.id !== picture.id) this.element.replaceChildren(this.head(picture));
    try {
      const found = await shelf.picture(picture.id);
      if (turn !== this.turn) return;
      if (this.shown?.id === found.id && this.element.querySelector(".library-note:focus")) return;
      const same = this.shown?.id === found.id;
      this.shown = found;
      this.fill(this.parts(found), same);
    } catch (error) {
      if (turn === this.turn) this.element.append(h("p.hint", { role: "alert" }, inWords(error).message));
    }
  }

  /** same: the picture is the one that was shown; then nobody loses the place, nor the box that was typed in */
  fill(parts, same) {
    const { scrollTop } = this.element, focused = document.activeElement;
    const name = this.element.contains(focused) ? focused.getAttribute("aria-label") : null;
    this.element.replaceChildren(...parts);
    this.element.scrollTop = same ? scrollTop : 0;
    const again = same && name ? this.element.querySelector(`[aria-label="${CSS.escape(name)}"]`) : null;
    if (again?.matches("input")) again.value = focused.value;      // what is being typed stays
    again?.focus({ preventScroll: true });
  }

  head(picture) {
    const button = h("button.library-preview", {
      type: "button", title: t("Click for the whole window"), onclick: () => this.deeds.open(picture.id),
    }, picture.broken ? h("span.library-missing", {}, "?") : h("img", { src: shelf.thumbnail(picture), alt: "" }));
    button.style.aspectRatio = `${picture.width || 1} / ${picture.height || 1}`;      // nothing jumps as it comes
    return button;
  }

  parts(picture) {
    const which = { pictures: [picture.id] }, change = (patch) => this.deeds.change(which, patch);
    return [
      this.head(picture),
      h("h2", { title: picture.path }, picture.name),
      h("p.library-meta", {}, metaOf(picture)),
      stars(picture, change),
      ...warnings(picture),
      ...[this.deeds.above(picture)].filter(Boolean),
      h("div.library-acts", {}, this.deeds.buttons(null, picture)),
      ...this.data(picture),
      chips("Tags", picture.tags ?? [], this.deeds.tags(), {
        add: (name) => change({ add_tags: [name] }), remove: (name) => change({ remove_tags: [name] }),
        open: (name) => this.deeds.search(`tag:${quoted(name)}`),
      }),
      chips("Albums", namesOf(picture.albums), this.deeds.albums(), {
        add: (name) => change({ add_albums: [name] }), remove: (name) => change({ remove_albums: [name] }),
      }),
      note(picture, change),
      lazily("Family", () => familyTree(picture, this.deeds.open)),
      lazily("Similar", () => lookalikes(picture, this.deeds.open)),
      ...(picture.job ? [h("button.library-link", {
        type: "button", onclick: () => this.deeds.place(`job:${picture.job}`),
      }, t("All pictures of this job"))] : []),
    ];
  }

  data({ prompt, negative_prompt: negative, pairs, infotext }) {
    if (!infotext) return [h("p.hint", {}, t("This picture carries no generation data."))];
    const texts = [["Prompt", prompt], ["Negative prompt", negative]].filter(([, text]) => text);
    const rows = [
      ...texts.flatMap(([key, text]) => row(key, text, text)),
      ...pairs.flatMap(([key, value]) => this.pair(key, String(value))),
    ];
    const copied = infotext ? [iconButton("copy", t("Copy the generation data"), () => copy(infotext))] : [];
    return [h("div.library-data", {}, h("div.library-data-head", {}, h("h3", {}, t("Generation data")), copied),
      rows.length ? h("dl", {}, rows) : h("p.infotext", {}, infotext))];
  }

  /** A value leads to the other pictures with it. */
  pair(key, value) {
    const term = `${FIELDS[key] ?? key.toLowerCase().replaceAll(" ", "-")}:${quoted(value)}`;
    if (value.length > LONG || !/^[\w-]+:/.test(term)) return row(key, value, value);
    return row(key, value, h("button.library-value", {
      type: "button", title: t("Find others with this"), onclick: () => this.deeds.search(term),
    }, value));
  }
}

function row(key, value, shown) {
  const long = value.length > LONG ? ".long" : "";
  return [h(`dt${long}`, {}, t(key)), h(`dd${long}`, {}, shown)];
}

const namesOf = (albums) => (albums ?? []).map((album) => album.name ?? album);

function metaOf({ width, height, bytes, at, folder, program }) {
  const size = bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  const when = moment(new Date(at), { dateStyle: "medium", timeStyle: "short" });
  return [width ? `${width} × ${height}` : null, size, when, folder, program].filter(Boolean).join(" · ");
}

function warnings({ broken, problem, tampered, read_only: readOnly }) {
  return [
    broken ? [t("This file cannot be read as a picture."), problem].filter(Boolean).join(" ") : null,
    tampered ? t("Its generation data are not those it was made with.") : null,
    readOnly ? t("Its folder is read only: what you write about it is kept here, the file stays as it is.") : null,
  ].filter(Boolean).map((text) => h("p.library-warning", {}, text));
}

function note({ note: text }, change) {
  const box = h("textarea.library-note", {
    rows: 2, value: text ?? "", placeholder: t("Note"), "aria-label": t("Note"), maxLength: 20_000,
  });
  let kept = box.value;
  const keep = () => { if (box.value !== kept) { kept = box.value; change({ note: kept }); } };
  const soon = debounced(keep, WRITING);
  box.addEventListener("input", soon);
  box.addEventListener("change", keep);
  box.addEventListener("keydown", (event) => event.stopPropagation());
  return box;
}

/** A fold whose content is asked for when it is opened; it stays open for the next picture. */
function lazily(title, build) {
  const key = `library.${title}`, body = h("div");
  const fold = h("details.library-fold", { open: Boolean(browser.get(key)) }, h("summary", {}, t(title)), body);
  const fill = async () => { if (fold.open && !body.firstChild) body.replaceChildren(await build()); };
  fold.addEventListener("toggle", () => { browser.set(key, fold.open); fill(); });
  fill();
  return fold;
}
