// What can be undone and redone: patches of tiles, within a bound on memory.
import { TILE } from "./layer.js";

const BOUND = 256 * 2 ** 20;      // bytes of tiles held for undo

export class History {
  constructor(bound = BOUND) {
    this.bound = bound / (4 * TILE * TILE);
    this.clear();
  }

  get canUndo() { return this.done > 0; }
  get canRedo() { return this.done < this.patches.length; }

  clear() {
    this.patches = [];
    this.done = 0;      // how many of the patches are in force; the rest await redo
  }

  push(patch) {
    this.patches.length = this.done;
    this.patches.push(patch);
    let held = this.patches.reduce((sum, each) => sum + cost(each), 0);
    while (held > this.bound && this.patches.length > 1) held -= cost(this.patches.shift());
    this.done = this.patches.length;
  }

  undo() { return this.canUndo ? this.patches[--this.done] : null; }
  redo() { return this.canRedo ? this.patches[this.done++] : null; }
}

/** Tiles a patch keeps alive. What it painted is the layer's, or the next patch's to count. */
function cost(patch) {
  return [...patch.values()].filter(({ before }) => before).length;
}
