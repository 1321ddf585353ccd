// Which pictures are chosen: some by hand, or all that fit a search.
export class Selection {
  /** changed() is told of each change */
  constructor(changed) {
    Object.assign(this, { changed, chosen: new Map(), whole: null, anchor: 0 });
  }

  has(picture) { return Boolean(picture) && (this.whole !== null || this.chosen.has(picture.id)); }

  get size() { return this.whole?.total ?? this.chosen.size; }

  /** The single one; null if there are more or none. */
  get only() { return this.size === 1 && !this.whole ? [...this.chosen.values()][0] : null; }

  get pictures() { return [...this.chosen.values()]; }

  /** As the server is told: ids, or a search. */
  get which() {
    return this.whole ? { q: this.whole.q, in: this.whole.in } : { pictures: [...this.chosen.keys()] };
  }

  set(pictures) {
    this.whole = null;
    this.chosen = new Map(pictures.map((picture) => [picture.id, picture]));
    this.changed();
  }

  add(pictures) { this.set([...this.chosen.values(), ...pictures]); }

  toggle(picture) {
    if (this.whole) return this.set([picture]);
    if (!this.chosen.delete(picture.id)) this.chosen.set(picture.id, picture);
    this.changed();
  }

  /** whole: { q, in, total } */
  all(whole) {
    this.whole = whole;
    this.chosen.clear();
    this.changed();
  }

  clear() { if (this.size) this.set([]); }

  patch(ids, patch) {
    for (const id of ids) if (this.chosen.has(id)) this.chosen.set(id, { ...this.chosen.get(id), ...patch });
  }
}
