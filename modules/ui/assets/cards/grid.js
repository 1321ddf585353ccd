// A grid that holds any number of cards: only those in sight are elements.
import { h } from "../core/dom.js";
import { cardElement } from "./card.js";

const NARROWEST = 128, GAP = 10, NAME = 46, SHAPE = 1.25;      // pixels; SHAPE: a picture's height by its width
const BEYOND = 2;                                              // rows drawn above and below those in sight

export class Grid {
  /** list: what to show; use.has(card): whether it is marked; deeds: { onUse(card), onEdit(card) } */
  constructor(list, use, label, deeds) {
    Object.assign(this, { list, use, deeds, drawn: new Map(), active: 0, columns: 1, due: 0 });
    this.sheet = h("div.networks-sheet", { role: "group", "aria-label": label });
    this.element = h("div.networks-scroll", { tabIndex: -1 }, this.sheet);
    this.element.addEventListener("scroll", () => this.drawSoon(), { passive: true });
    this.element.addEventListener("focusin", (event) => this.focused(event.target));
    this.element.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  get card() { return { width: this.width, height: Math.round(this.width * SHAPE) + NAME }; }

  drawSoon() {
    this.due ||= requestAnimationFrame(() => { this.due = 0; this.follow(); });
  }

  /** Back to the first card: the list is another one. */
  top() {
    this.active = 0;
    this.element.scrollTop = 0;
  }

  draw() {
    if (!this.element.clientWidth) return;      // in a tab that is not open
    this.measure();
    this.active = Math.max(0, Math.min(this.active, this.list.total - 1));
    this.follow();
    this.mark();
  }

  /** Draw what has come into sight; what was there stays as it is. */
  follow() {
    if (!this.element.clientWidth) return;
    const wanted = this.inSight();
    for (const index of this.drawn.keys()) if (!wanted.has(index)) this.drop(index);
    for (const index of wanted) this.put(index);
  }

  measure() {
    const all = this.sheet.clientWidth;
    this.columns = Math.max(1, Math.floor((all + GAP) / (NARROWEST + GAP)));
    this.width = Math.floor((all - GAP * (this.columns - 1)) / this.columns);
    const rows = Math.ceil(this.list.total / this.columns);
    this.sheet.style.height = `${Math.max(0, rows * (this.card.height + GAP) - GAP)}px`;
    this.sheet.style.setProperty("--network-width", `${this.width}px`);
    this.sheet.style.setProperty("--network-height", `${this.card.height}px`);
  }

  /** The places to draw: what is in sight, and the one with the focus, so that it is not lost by scrolling. */
  inSight() {
    const row = this.card.height + GAP;
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / row) - BEYOND) * this.columns;
    const last = Math.min(this.list.total, (Math.ceil((scrollTop + clientHeight) / row) + BEYOND) * this.columns);
    const wanted = new Set(Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i));
    if (this.list.total && this.element.contains(document.activeElement)) wanted.add(this.active);
    return wanted;
  }

  put(index) {
    const card = this.list.at(index);
    const old = this.drawn.get(index);
    if (old && old.card === card && old.width === this.width && old.columns === this.columns) return;
    const key = JSON.stringify(card);
    const element = old?.key === key ? old.element : cardElement(card, this.deeds);
    element.style.left = `${(index % this.columns) * (this.width + GAP)}px`;
    element.style.top = `${Math.floor(index / this.columns) * (this.card.height + GAP)}px`;
    this.drawn.set(index, { card, key, element, width: this.width, columns: this.columns });
    if (element === old?.element) return;
    element.dataset.index = index;
    const { activeElement } = document;
    const awaited = card && index === this.active && activeElement === this.element;
    const focused = awaited || old?.element.contains(activeElement);
    if (old) old.element.replaceWith(element);
    else this.sheet.append(element);
    this.markOne(index);
    if (focused) element.querySelector("button")?.focus({ preventScroll: true });
  }

  drop(index) {
    this.drawn.get(index).element.remove();
    this.drawn.delete(index);
  }

  /** Show which cards are in use, and let Tab reach the active one. */
  mark() {
    for (const index of this.drawn.keys()) this.markOne(index);
  }

  markOne(index) {
    const { card, element } = this.drawn.get(index);
    if (!card) return;
    const [use, edit] = element.querySelectorAll("button");
    use.setAttribute("aria-pressed", this.use.has(card));
    use.tabIndex = edit.tabIndex = index === this.active ? 0 : -1;
  }

  focused(target) {
    const element = target.closest(".network");
    if (!element) return;
    this.active = Number(element.dataset.index);
    this.mark();
  }

  focus(index = this.active) {
    this.active = Math.max(0, Math.min(index, this.list.total - 1));
    this.show(this.active);
    this.draw();
    const found = this.drawn.get(this.active);
    (found?.element.querySelector("button") ?? this.element).focus({ preventScroll: true });
  }

  show(index) {
    const top = Math.floor(index / this.columns) * (this.card.height + GAP);
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.card.height > scrollTop + clientHeight)
      this.element.scrollTop = top + this.card.height - clientHeight;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const to = this.steps()[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to < this.list.total) this.focus(to);
  }

  /** Where each key leads from the active card. */
  steps() {
    const rows = Math.max(1, Math.floor(this.element.clientHeight / (this.card.height + GAP)));
    const last = this.list.total - 1, page = rows * this.columns;
    return {
      ArrowLeft: this.active - 1,
      ArrowRight: this.active + 1,
      ArrowUp: this.active - this.columns,
      ArrowDown: this.active + this.columns,
      Home: 0,
      End: last,
      PageUp: Math.max(0, this.active - page),
      PageDown: Math.min(last, this.active + page),
    };
  }
}
