// Where each picture of a grid stands: sections (days, models, jobs) with a heading each, rows of square tiles. Pixels.
import { t } from "../core/dom.js";
import { dayInWords } from "./days.js";

/** One list of places for a grid `wide`; sections: [{ name, title, count }]; an empty title is no heading. */
export class Layout {
  constructor(sections, wide, { tile, gap, heading }) {
    this.columns = Math.max(1, Math.floor((wide + gap) / (tile + gap)));
    this.side = Math.floor((wide - gap * (this.columns - 1)) / this.columns);
    Object.assign(this, { gap, heading, sections: [], total: 0, height: 0 });
    for (const section of sections) this.add(section);
  }

  add({ name, title, count }) {
    const rows = Math.ceil(count / this.columns), top = this.height, body = top + (title ? this.heading : 0);
    this.sections.push({ name, title, count, first: this.total, top, body });
    this.total += count;
    this.height = body + rows * this.row;
  }

  get row() { return this.side + this.gap; }

  place(index) {
    const { first, body } = this.of(index), at = index - first;
    return { left: (at % this.columns) * this.row, top: body + Math.floor(at / this.columns) * this.row };
  }

  of(index) { return this.sections[this.lastAt((section) => section.first <= index)]; }

  /** The last section that fits, of those that all do before the first that does not. */
  lastAt(fits) {
    let low = 0, high = this.sections.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (fits(this.sections[middle])) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** What lies between two heights: places from–to (exclusive), and the sections whose headings do. */
  between(top, bottom) {
    if (!this.total) return { from: 0, to: 0, sections: [] };
    const first = this.lastAt((section) => section.top <= top), last = this.lastAt((section) => section.top < bottom);
    const inside = ({ body, count, first: start }, y) =>
      start + Math.max(0, Math.min(count, Math.floor((y - body) / this.row) * this.columns));
    const to = inside(this.sections[last], bottom + this.row);
    return {
      from: inside(this.sections[first], top), to: Math.max(to, 0), sections: this.sections.slice(first, last + 1),
    };
  }

  /** The place that a step up or down from `index` leads to, staying in its column; -1 or more than there are: none. */
  vertical(index, by) {
    const { first, count } = this.of(index), at = index - first, column = at % this.columns;
    const inside = at + by * this.columns;
    if (inside >= 0 && inside < count) return first + inside;
    const lastRow = Math.floor((count - 1) / this.columns);
    if (by > 0 && Math.floor(at / this.columns) < lastRow) return first + count - 1;
    const next = this.sections[this.sections.findIndex((section) => section.first === first) + by];
    if (!next) return by > 0 ? this.total : -1;
    const start = by > 0 ? 0 : Math.floor((next.count - 1) / this.columns) * this.columns;
    return next.first + Math.min(start + column, next.count - 1);
  }
}

/** Sections as the server tells them, with their headings: days, models or jobs. */
export const titledSections = (told, sort) => told.map(({ name, count, title }) =>
  ({ name, count, title: TITLES[sort](name, title) }));

const TITLES = {
  newest: (name) => dayInWords(name),
  oldest: (name) => dayInWords(name),
  model: (name) => name || t("Model unknown"),
  job: (name, title) => (name ? title || t("Without a prompt") : t("Job unknown")),
};
