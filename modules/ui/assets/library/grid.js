// A grid that holds any number of pictures, in sections: only those in sight are elements.
import { h, t } from "../core/dom.js";
import { startDrag } from "./dragging.js";
import { Layout } from "./sections.js";
import { Tile } from "./tile.js";

const GAP = 6, HEADING = 38;     // pixels
const BEYOND = 500;              // pixels drawn above and below those in sight
const LONG = 450;                // ms that a finger rests to choose

export class Grid {
  /** deeds: { open(index), key(event): whether it meant something }; selection: which tiles are marked */
  constructor(pictures, selection, deeds) {
    Object.assign(this, { pictures, selection, deeds, drawn: new Map(), heads: new Map(), free: [], due: 0 });
    Object.assign(this, { active: 0, tile: 168, layout: new Layout([], 0, { tile: 1, gap: 0, heading: 0 }) });
    this.sheet = h("div.tiles", {
      role: "listbox", "aria-label": t("Pictures"), "aria-multiselectable": "true",
    });
    this.days = h("div.tiles-days");      // headings, which a list of options may not hold
    this.element = h("div.tiles-scroll", { tabIndex: -1 }, this.days, this.sheet);
    this.element.addEventListener("scroll", () => this.drawSoon(), { passive: true });
    this.sheet.addEventListener("click", (event) => this.click(event));
    this.sheet.addEventListener("dblclick", (event) => this.openAt(event));
    this.sheet.addEventListener("pointerdown", (event) => this.press(event));
    for (const name of ["pointerup", "pointercancel", "pointermove"])
      this.sheet.addEventListener(name, (event) => this.release(event));
    this.sheet.addEventListener("dragstart", (event) => this.drag(event));
    this.sheet.addEventListener("contextmenu", (event) => { if (this.held) event.preventDefault(); });
    this.element.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  drawSoon() {
    this.due ||= requestAnimationFrame(() => { this.due = 0; this.follow(); });
  }

  top() {
    this.active = 0;
    this.element.scrollTop = 0;
  }

  /** Draw all anew: the list, the width or the tiles' size is another. What was in sight stays there. */
  draw() {
    const wide = this.sheet.clientWidth;
    if (!wide) return;      // in a tab that is not open
    const { scrollTop } = this.element, old = this.layout;
    const kept = old.total ? old.between(scrollTop, scrollTop + 1).from : 0;
    this.layout = new Layout(this.pictures.sections, wide, { tile: this.tile, gap: GAP, heading: HEADING });
    this.sheet.style.height = `${this.layout.height}px`;
    if (old.columns !== this.layout.columns && scrollTop > 0 && kept < this.layout.total) this.show(kept, true);
    this.active = Math.max(0, Math.min(this.active, this.layout.total - 1));
    for (const [index, tile] of this.drawn) tile.put(this.placeFor(index), this.layout.side);
    this.follow();
  }

  placeFor(index) { return index < this.layout.total ? this.layout.place(index) : { left: -9999, top: 0 }; }

  /** Draw what has come into sight; what was there stays as it is. */
  follow() {
    const { scrollTop, clientHeight } = this.element;
    if (!clientHeight) return;
    const { from, to, sections } = this.layout.between(scrollTop - BEYOND, scrollTop + clientHeight + BEYOND);
    this.pictures.rest(from, to);
    const focused = this.element.contains(document.activeElement) ? this.active : -1;
    for (const index of this.drawn.keys())
      if ((index < from || index >= to) && (index !== focused || index >= this.layout.total)) this.drop(index);
    for (let index = from; index < to; index++) this.put(index);
    this.headings(sections);
  }

  put(index) {
    let tile = this.drawn.get(index);
    if (!tile) {
      tile = this.free.pop() ?? new Tile();
      this.drawn.set(index, tile);
      tile.put(this.layout.place(index), this.layout.side);
      if (!tile.element.isConnected) this.sheet.append(tile.element);
      tile.element.hidden = false;
    }
    tile.show(index, this.pictures.at(index));
    tile.element.setAttribute("aria-setsize", this.layout.total);
    tile.mark(this.selection.has(tile.picture), index === this.active);
  }

  drop(index) {
    const tile = this.drawn.get(index);
    this.drawn.delete(index);
    tile.show(-1, null);
    tile.element.hidden = true;
    this.free.push(tile);
  }

  headings(sections) {
    const titled = sections.filter(({ title }) => title);
    const wanted = new Map(titled.map((section) => [`${section.name} ${section.title}`, section]));
    for (const [key, element] of this.heads) if (!wanted.has(key)) { element.remove(); this.heads.delete(key); }
    for (const [key, section] of wanted) {
      const element = this.heads.get(key) ?? this.heading(key, section);
      element.style.transform = `translateY(${section.top}px)`;
      element.lastChild.textContent = String(section.count);
    }
  }

  heading(key, { name, title }) {
    const choose = h("button.tiles-day", {
      type: "button", title: t("Choose all of these"), onclick: () => this.chooseSection(name),
    }, title);
    const element = h("div.tiles-heading", {}, choose, h("span.tiles-count"));
    this.heads.set(key, element);
    this.days.append(element);
    return element;
  }

  async chooseSection(name) {
    const { first, count } = this.layout.sections.find((section) => section.name === name);
    this.selection.add(await this.pictures.range(first, first + count - 1));
  }

  mark() {
    for (const [index, tile] of this.drawn) tile.mark(this.selection.has(tile.picture), index === this.active);
  }

  tileOf({ target }) {
    const element = target.closest(".tile");
    return element ? this.drawn.get(Number(element.dataset.index)) : null;
  }

  click(event) {
    const tile = this.tileOf(event);
    if (!tile?.picture) return;
    if (this.held) { this.held = false; return; }
    const many = event.ctrlKey || event.metaKey || event.target.closest(".tile-tick");
    const touch = event.pointerType === "touch" && !many;
    if (touch && !this.selection.size) return this.deeds.open(tile.index);
    this.choose(tile.index, event.shiftKey ? "range" : many || touch ? "more" : "one");
  }

  openAt(event) {
    const tile = this.tileOf(event);
    if (tile?.picture && !event.target.closest(".tile-tick")) this.deeds.open(tile.index);
  }

  /** All that are chosen, or the one that is not. */
  drag(event) {
    const tile = this.tileOf(event);
    if (!tile?.picture) return event.preventDefault();
    if (!this.selection.has(tile.picture)) this.choose(tile.index, "one");
    startDrag(event, this.selection.size);
  }

  /** A finger that rests chooses, so that only a mouse drags; later taps choose more. */
  press(event) {
    this.held = false;
    clearTimeout(this.resting);
    const tile = this.tileOf(event);
    if (tile) tile.element.draggable = event.pointerType === "mouse";
    if (event.pointerType !== "touch" || !tile?.picture) return;
    this.began = event;
    this.resting = setTimeout(() => { this.held = true; this.choose(tile.index, "more"); }, LONG);
  }

  release(event) {
    if (event.type === "pointermove" && this.began && Math.hypot(event.clientX - this.began.clientX,
      event.clientY - this.began.clientY) < 10) return;
    clearTimeout(this.resting);
  }

  /** how: "one" alone, "more" with those that are chosen or without it, or the "range" from the last one */
  async choose(index, how) {
    const picture = this.pictures.peek(index);
    if (!picture) return;
    this.activate(index);
    if (how === "range") {
      const [from, to] = [this.selection.anchor, index].sort((a, b) => a - b);
      this.selection.set(await this.pictures.range(from, to));
    } else {
      this.selection.anchor = index;
      if (how === "more") this.selection.toggle(picture);
      else this.selection.set([picture]);
    }
  }

  activate(index) {
    this.active = index;
    this.put(index);
    this.drawn.get(index).element.focus({ preventScroll: true });
    this.mark();
  }

  show(index, atTop = false) {
    if (index < 0 || index >= this.layout.total) return;
    const { top } = this.layout.place(index), { side } = this.layout, { scrollTop, clientHeight } = this.element;
    if (atTop) this.element.scrollTop = Math.max(0, top - HEADING);
    else if (top < scrollTop) this.element.scrollTop = Math.max(0, top - HEADING);
    else if (top + side > scrollTop + clientHeight) this.element.scrollTop = top + side + GAP - clientHeight;
  }

  /** To a section, by its name. */
  showSection(name) {
    const section = this.layout.sections.find((each) => each.name === name);
    if (section) this.element.scrollTop = section.top;
  }

  async go(index, how) {
    if (index < 0 || index >= this.layout.total) return;
    this.show(index);
    this.follow();
    await this.pictures.get(index);
    this.activate(index);
    if (how) await this.choose(index, how);
  }

  key(event) {
    const { key, shiftKey } = event, plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const to = plain ? this.steps(key) : undefined;
    if (to !== undefined) this.go(to, shiftKey ? "range" : "one");
    else if (plain && key === "Enter") this.deeds.open(this.active);
    else if (plain && key === " ") this.choose(this.active, "more");
    else if (!this.deeds.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Where each key leads from the active tile. */
  steps(key) {
    const { active, layout } = this;
    if (!layout.total) return undefined;
    const rows = Math.max(1, Math.floor(this.element.clientHeight / layout.row)), page = rows * layout.columns;
    const steps = {
      ArrowLeft: () => active - 1,
      ArrowRight: () => active + 1,
      ArrowUp: () => layout.vertical(active, -1),
      ArrowDown: () => layout.vertical(active, 1),
      Home: () => 0,
      End: () => layout.total - 1,
      PageUp: () => Math.max(0, active - page),
      PageDown: () => Math.min(layout.total - 1, active + page),
    };
    return steps[key]?.();
  }
}
