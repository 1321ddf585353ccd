// Colours in a prompt box: the same text behind it, painted by the browser's own highlights, shows through.
import { h } from "../core/dom.js";
import { pairAt, syntaxOf } from "./syntax.js";

const END = "\u200b";      // so that a last empty line is one

/** Whether the browser can paint; older ones show prompts as they are. */
export const paints = typeof CSS !== "undefined" && "highlights" in CSS;

const highlightOf = (kind) => {
  const name = `prompt-${kind}`;
  if (!CSS.highlights.has(name)) CSS.highlights.set(name, new Highlight());
  return CSS.highlights.get(name);
};

export class Colours {
  /** box: the textarea; isOn(): may it be coloured? */
  constructor(box, isOn) {
    Object.assign(this, { box, isOn, text: null, syntax: syntaxOf(""), painted: [], marks: [], waiting: 0 });
    this.node = document.createTextNode("");
    this.behind = h("div.prompt-behind", { "aria-hidden": "true" }, this.node);
    box.parentElement.classList.add("prompt-room");
    box.parentElement.append(this.behind);
    box.addEventListener("input", () => this.paint());
    box.addEventListener("scroll", () => this.scroll());
    new ResizeObserver(() => this.fit()).observe(box);
  }

  /** What there is to see now; the box's text may also have come from elsewhere. Colours follow with the next frame. */
  paint() {
    const { value } = this.box;
    if (value !== this.text) {
      this.text = value;
      this.node.data = value + END;
    }
    this.waiting ||= requestAnimationFrame(() => this.colour());
  }

  colour() {
    const on = paints && this.isOn();
    this.waiting = 0;
    this.syntax = syntaxOf(this.text);
    this.box.classList.toggle("prompt-coloured", on);
    this.repaint(on ? this.ranges() : []);
    this.mark();
    this.scroll();
  }

  /** Ranges before the place of a change are as they were, and stay. */
  repaint(wanted) {
    const { painted } = this, fits = ([start, end, kind], place) =>
      painted[place]?.start === start && painted[place].end === end && painted[place].kind === kind;
    let same = 0;
    while (same < wanted.length && fits(wanted[same], same)) same++;
    this.unpaint(painted.slice(same));
    this.painted = [...painted.slice(0, same), ...wanted.slice(same).map((range) => this.painting(...range))];
  }

  ranges() {
    const wrong = this.syntax.alone.map(({ at }) => [at, at + 1, "wrong"]);
    return [...this.syntax.ranges, ...wrong];
  }

  /** The brackets at the caret. */
  mark() {
    this.unpaint(this.marks);
    this.marks = [];
    if (!paints || !this.isOn() || document.activeElement !== this.box) return;
    const pair = pairAt(this.syntax, this.box.selectionStart);
    this.marks = (pair ?? []).map((at) => this.painting(at, at + 1, "pair"));
  }

  painting(start, end, kind) {
    const highlight = highlightOf(kind), { node } = this;
    const range = new StaticRange({ startContainer: node, startOffset: start, endContainer: node, endOffset: end });
    highlight.add(range);
    return { start, end, kind, range, highlight };
  }

  unpaint(painted) {
    for (const { range, highlight } of painted) highlight.delete(range);
  }

  /** As wide as the text in the box, which a scroll bar narrows. */
  fit() {
    this.behind.style.width = `${this.box.clientWidth}px`;
    this.behind.style.height = `${this.box.clientHeight}px`;
    this.scroll();
  }

  scroll() { this.behind.scrollTop = this.box.scrollTop; }

  /** Where a place of the text is on the screen. */
  placeOf(index) {
    const range = document.createRange();
    range.setStart(this.node, Math.min(index, this.node.length));
    range.collapse(true);
    const { left, bottom } = range.getBoundingClientRect();
    return { left, bottom };
  }
}
