// The pictures that fit what is asked for, of which only the looked-at pages are fetched and few are kept.
import { t } from "../core/dom.js";
import { inWords } from "../core/server.js";
import { shelf } from "../core/shelf.js";
import { titledSections } from "./sections.js";

const PAGE = 200;        // pictures a request
const KEPT = 40;         // pages
const SETTLED = 60;      // ms for which one rests before what is in sight is fetched
const LATER = 800;       // ms until sections are asked for again that do not fit the pictures: some came in between
const MOST_LATER = 5;    // times
const IN_SECTIONS = ["newest", "oldest", "model", "job"];
const DUPLICATES = "duplicates";      // a place of its own: the server tells it in groups

export class Pictures {
  /** wishes: { q, in, sort }; changed() is told whenever there is something new to show */
  constructor(wishes, changed) {
    Object.assign(this, { wishes, changed, pages: new Map(), wanted: new Set(), turn: 0, timer: 0 });
    Object.assign(this, { begun: 0, pending: 0 });      // requests for pictures
    Object.assign(this, { known: false, total: 0, revision: null, sections: [], notes: [], error: null });
  }

  /** All that fit, as the server is told of them; null where they can only be told one by one. */
  get whole() { return this.isDuplicates ? null : { q: this.wishes.q, in: this.wishes.in }; }

  get isDuplicates() { return this.wishes.in === DUPLICATES; }

  /** The picture at a place; null while it is on its way. */
  at(index) {
    const number = Math.floor(index / PAGE), page = this.pages.get(number);
    if (!page) this.want(number);
    return page?.[index % PAGE] ?? null;
  }

  /** The picture at a place, fetched if need be; null beyond the ends. */
  async get(index) {
    if (index < 0 || index >= this.total) return null;
    const number = Math.floor(index / PAGE);
    if (!this.pages.get(number)) await this.fetch(number, this.turn);
    return this.pages.get(number)?.[index % PAGE] ?? null;
  }

  /** All pictures from one place to another. */
  async range(from, to) {
    const found = [];
    for (let index = from; index <= to; index++) found.push(this.peek(index) ?? (await this.get(index)));
    return found.filter(Boolean);
  }

  peek(index) { return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null; }

  /** The place of a picture among those that are kept here; -1 if it is not. */
  placeOf(id) {
    for (const [number, page] of this.pages) {
      const at = page?.findIndex((picture) => picture.id === id) ?? -1;
      if (at >= 0) return number * PAGE + at;
    }
    return -1;
  }

  wish(patch) {
    Object.assign(this.wishes, patch);
    return this.reload();
  }

  /** Ask anew. What is shown stays until the answer has come, so that nothing blinks. */
  async reload() {
    const turn = ++this.turn;
    try {
      const found = await (this.isDuplicates ? this.askGroups() : this.askFirst());
      if (turn !== this.turn) return;
      this.pages = found.pages;
      this.sections = found.sections;
      this.take(found);
      this.later(turn);
    } catch (error) {
      if (turn !== this.turn) return;
      this.error = inWords(error);
    }
    this.changed();
  }

  /** The library changed between two answers, or there is more to come. */
  later(turn) {
    const sorted = !IN_SECTIONS.includes(this.wishes.sort) || !this.total || this.sections[0].title;
    const fits = this.isDuplicates ? !this.notes.length : sorted;
    this.tries = fits ? 0 : (this.tries ?? 0) + 1;
    if (!fits && this.tries <= MOST_LATER) setTimeout(() => { if (turn === this.turn) this.reload(); }, LATER);
  }

  async askFirst() {
    const [first, told] = await Promise.all([this.ask(0), this.askSections()]);
    return {
      ...first, pages: new Map([[0, first.pictures]]), sections: sectionsFor(told, first.total, this.wishes.sort),
    };
  }

  /** Pictures that are there more than once, a section for each group. */
  async askGroups() {
    const { groups, waiting } = await shelf.duplicates(), pictures = groups.flat();
    const pages = Array.from({ length: Math.ceil(pictures.length / PAGE) }, (_, i) =>
      [i, pictures.slice(i * PAGE, (i + 1) * PAGE)]);
    const sections = groups.map((group, i) =>
      ({ name: `group ${i}`, title: t("Alike"), count: group.length }));
    const notes = waiting ? [t("Pictures that have not been looked at yet: {n}", { n: waiting })] : [];
    return { total: pictures.length, revision: this.revision, pages: new Map(pages), sections, notes };
  }

  take({ total, revision, notes }) {
    Object.assign(this, { known: true, total, revision, notes: notes ?? [], error: null });
  }

  async ask(offset) {
    this.begun += 1;
    this.pending += 1;
    try {
      return await shelf.list({ ...this.wishes, offset, limit: PAGE });
    } finally {
      this.pending -= 1;
    }
  }

  askSections() { return IN_SECTIONS.includes(this.wishes.sort) ? shelf.sections(this.wishes) : []; }

  /** Fetch a page once the eye rests: none is asked for that only flew by. */
  want(number) {
    this.wanted.add(number);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      for (const each of this.wanted) if (!this.pages.has(each)) this.fetch(each, this.turn);
      this.wanted.clear();
    }, SETTLED);
  }

  /** Those that are looked at no more are wanted no more. */
  rest(from, to) {
    for (const each of this.wanted)
      if ((each + 1) * PAGE <= from || each * PAGE >= to) this.wanted.delete(each);
  }

  async fetch(number, turn) {
    this.pages.set(number, null);
    try {
      const found = await this.ask(number * PAGE);
      if (turn !== this.turn) return;
      if (found.total !== this.total) return this.reload();
      this.keep(number, found.pictures);
    } catch (error) {
      if (turn !== this.turn) return;
      this.pages.delete(number);
      this.error = inWords(error);
    }
    this.changed();
  }

  keep(number, pictures) {
    this.pages.delete(number);
    this.pages.set(number, pictures);
    if (this.isDuplicates) return;
    for (const old of this.pages.keys()) {
      if (this.pages.size <= KEPT) break;
      this.pages.delete(old);
    }
  }

  /**
   * Show a change at once, and send it. Resolves with whether what is shown is all that there is: not if an answer may
   * be older than the change, or if the library has changed otherwise too.
   */
  async change(ids, shown, send) {
    this.patch(ids, shown);
    const { begun, pending } = this, { revision } = await send();
    if (pending || begun !== this.begun || revision !== this.revision + 1) return false;
    this.revision = revision;
    return true;
  }

  /** What is known of some pictures is another now: shown at once. */
  patch(ids, patch) {
    for (const [number, page] of this.pages)
      if (page) this.pages.set(number, page.map((each) => (ids.has(each.id) ? { ...each, ...patch } : each)));
    this.changed();
  }
}

/** Sections if they tell of each picture of the list, else a single one without a heading. */
function sectionsFor(told, total, sort) {
  const counted = told.reduce((sum, { count }) => sum + count, 0);
  if (!told.length || counted !== total) return total ? [{ name: "", title: "", count: total }] : [];
  return titledSections(told, sort);
}
