// A paintable layer: one canvas at the picture's own size for the eye, and small tiles that are never painted on once
// they
// are finished. So a step of undo is a handful of references, and what was never painted costs nothing.
export const TILE = 256;      // pixels a side; those at the right and bottom edges are cut to the picture

export function canvas(width, height) {
  const made = document.createElement("canvas");
  made.width = width;
  made.height = height;
  return made;
}

export class Layer {
  constructor(width, height) {
    this.canvas = canvas(width, height);
    this.context = this.canvas.getContext("2d");
    this.tiles = new Map();      // "column,row" → canvas; an absent one is empty
  }

  get width() { return this.canvas.width; }
  get height() { return this.canvas.height; }
  get empty() { return !this.tiles.size; }

  /** Where a tile lies, in pixels of the picture. */
  place(key) {
    const [column, row] = key.split(",").map(Number);
    const [x, y] = [column * TILE, row * TILE];
    return { x, y, width: Math.min(TILE, this.width - x), height: Math.min(TILE, this.height - y) };
  }

  /** Keys of the tiles that a rectangle touches. */
  *under(left, top, right, bottom) {
    const last = (end, size) => Math.floor(Math.min(end, size - 1) / TILE);
    const first = (start) => Math.floor(Math.max(0, start) / TILE);
    for (let row = first(top); row <= last(bottom, this.height); row++) {
      for (let column = first(left); column <= last(right, this.width); column++) yield `${column},${row}`;
    }
  }

  /** Replace a tile by another, or by nothing, and redraw its part of the canvas. */
  put(key, tile) {
    const { x, y, width, height } = this.place(key);
    if (tile) this.tiles.set(key, tile);
    else this.tiles.delete(key);
    this.context.clearRect(x, y, width, height);
    if (tile) this.context.drawImage(tile, x, y);
  }

  /** A fresh tile to paint on: a context that starts as a copy of `tile`, or empty. */
  fresh(key, tile = null) {
    const { width, height } = this.place(key);
    const context = canvas(width, height).getContext("2d");
    if (tile) context.drawImage(tile, 0, 0);
    return context;
  }

  /** Apply one side ("before" or "after") of a patch: Map of key → { before, after }. */
  apply(patch, side) {
    for (const [key, tiles] of patch) this.put(key, tiles[side]);
  }

  /** The patch that empties the layer. */
  wiped() {
    return new Map([...this.tiles].map(([key, before]) => [key, { before, after: null }]));
  }
}

/** Whether nothing is painted on a tile. */
export function blank(tile) {
  const { data } = tile.getContext("2d").getImageData(0, 0, tile.width, tile.height);
  return new Uint32Array(data.buffer).every((pixel) => pixel === 0);
}
