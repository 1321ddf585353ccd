// The cards that fit the wishes, of which only the looked-at pages are fetched.
import { inWords, server } from "../core/server.js";

const PAGE = 200;        // cards a request
const AGAIN = 1500;      // ms until the next look, while the server is still reading the folders

export class CardList {
  /**
   * wishes: { kind, search, family, folder, sort, order, model_family }; onChange is told whenever there is something
   * new to show.
   */
  constructor(wishes, onChange) {
    Object.assign(this, { wishes, onChange, pages: new Map(), turn: 0 });
    Object.assign(this, { known: false, scanning: false, total: 0, folders: [], families: [], error: null });
  }

  get narrowed() { return Boolean(this.wishes.search || this.wishes.family || this.wishes.folder); }

  /** The card at a place; null while it is on its way. */
  at(index) {
    const page = Math.floor(index / PAGE);
    if (!this.pages.has(page)) this.fetch(page, this.turn);
    return this.pages.get(page)?.[index % PAGE] ?? null;
  }

  wish(patch) {
    Object.assign(this.wishes, patch);
    return this.reload();
  }

  /** Ask anew. What is shown stays until the answer has come, so that nothing blinks. */
  async reload() {
    const turn = ++this.turn;
    const first = await this.ask(0, turn);
    if (!first) return;
    this.pages = new Map([[0, first.cards]]);
    this.onChange();
    if (first.scanning) setTimeout(() => turn === this.turn && this.reload(), AGAIN);
  }

  async fetch(page, turn) {
    this.pages.set(page, null);
    const found = await this.ask(page * PAGE, turn);
    if (turn !== this.turn) return;
    if (found) this.pages.set(page, found.cards);
    else this.pages.delete(page);
    this.onChange();
  }

  /** An answer, or null if it is too late or there was none; then `error` says why. */
  async ask(offset, turn) {
    try {
      const found = await server.cards({ ...this.wishes, offset, limit: PAGE });
      if (turn !== this.turn) return null;
      const { total, folders, families } = found;
      Object.assign(this, { known: true, scanning: Boolean(found.scanning), total, folders, families, error: null });
      return found;
    } catch (error) {
      if (turn === this.turn) { this.error = inWords(error); this.onChange(); }
      return null;
    }
  }
}
