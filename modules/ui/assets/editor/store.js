// What survives a reload: the picture's own file, its border, and the painted tiles as PNGs, in the browser's database.
import { facts } from "../core/dom.js";
import { png } from "./png.js";
import { follows, SharedSketch } from "./shared_sketch.js";

const DATABASE = "easel.editor";
const KEPT = "kept";      // [editor, "picture" | "border" | "tile", tile's key] → File | sides | Blob

export class Store {
  /** name: of the editor; travels: whether it follows an account to other devices, too */
  constructor(name, travels = true) {
    const key = follows ? `@${facts.start.account}.${name}` : name;      // people may share a browser
    this.key = key;
    this.everything = IDBKeyRange.bound([key], [key, []]);      // an array sorts after any string
    this.changed = false;               // by the person, since the page began
    this.done = Promise.resolve();      // writes follow one another, so that the last one wins
    this.shared = follows && travels ? new SharedSketch(name, () => this.done.then(() => this.kept())) : null;
  }

  /** Remember a new picture, and forget all that belonged to the one before. */
  picture(file, border) {
    return this.change((kept) => {
      kept.delete(this.everything);
      kept.put(file, [this.key, "picture"]);
      kept.put(border, [this.key, "border"]);
    });
  }

  border(sides) { return this.change((kept) => kept.put(sides, [this.key, "border"])); }
  clear() { return this.change((kept) => kept.delete(this.everything)); }

  /** Remember tiles as they are now: Map of key → canvas, or null where nothing is painted any more. */
  tiles(changed) {
    const encoded = Promise.all(
      [...changed].map(async ([key, tile]) => [[this.key, "tile", key], tile && (await png(tile))]),
    );
    return this.change((kept, tiles) => {
      for (const [key, tile] of tiles) tile ? kept.put(tile, key) : kept.delete(key);
    }, encoded);
  }

  /** What was remembered, here or on another device of the account; as `kept`. */
  async read() {
    const theirs = await this.shared?.newer();
    if (theirs && !this.changed) {      // else somebody was faster here
      await this.take(theirs);
      this.shared.saw(theirs.revision);
    }
    return this.kept();
  }

  /** Remember what another device had instead; without a picture nothing. */
  take({ file, border, tiles }) {
    return this.write((kept) => {
      kept.delete(this.everything);
      if (!file) return;
      kept.put(file, [this.key, "picture"]);
      kept.put(border, [this.key, "border"]);
      for (const [key, tile] of tiles) kept.put(tile, [this.key, "tile", key]);
    });
  }

  /**
   * What this browser remembers: { file, border, tiles: Map of key → PNG }; null if nothing, or if it keeps nothing.
   */
  async kept() {
    try {
      const kept = await this.open("readonly");
      const [keys, values] = await Promise.all(
        [kept.getAllKeys(this.everything), kept.getAll(this.everything)].map(settled),
      );
      const found = new Map(keys.map((key, i) => [key.slice(1).join(" "), values[i]]));
      if (!found.has("picture")) return null;
      const tiles = [...found]
        .filter(([name]) => name.startsWith("tile "))
        .map(([name, tile]) => [name.slice(5), tile]);
      return { file: found.get("picture"), border: found.get("border"), tiles: new Map(tiles) };
    } catch { return null; }
  }

  /** A change by the person: other devices learn of it once it is remembered, lest a page that goes send nothing. */
  change(how, prepared = null) {
    this.changed = true;
    return this.write(how, prepared).then(() => this.shared?.touched());
  }

  write(change, prepared = null) {
    const after = async () => {
      try {
        const ready = await prepared;
        const kept = await this.open("readwrite");
        change(kept, ready);
        await new Promise((done, failed) => { kept.transaction.oncomplete = done; kept.transaction.onabort = failed; });
      } catch { /* full or forbidden: then nothing is remembered */ }
    };
    this.done = this.done.then(after);
    return this.done;
  }

  async open(mode) {
    this.database ??= opened();
    return (await this.database).transaction(KEPT, mode).objectStore(KEPT);
  }
}

function opened() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(KEPT);
  return settled(request);
}

const settled = (request) => new Promise((done, failed) => {
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});
