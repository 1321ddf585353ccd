// A sketch that follows an account from one device to another: picture, border and strokes in one file, written once
// the hand has rested or the page is left; what the server did not get before a page went it gets when it comes again.
import { debounced, facts, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { server } from "../core/server.js";
import { when } from "../core/shared_draft.js";
import { browser, device } from "../core/storage.js";

const REST = 3000;               // ms without a stroke
const LARGEST = 8 * 2 ** 20;     // bytes, as the server takes them
const NEWLINE = 10;
export const follows = Boolean(facts.start.account);
let versions = null;             // of all sketches, asked for once

export class SharedSketch {
  /** read(): resolves with { file, border, tiles }, or null where nothing is */
  constructor(key, read) {
    Object.assign(this, { name: `sketch.${key}`, read, tooLarge: false, sendSoon: debounced(() => this.send(), REST) });
    this.revision = browser.get(this.name) ?? 0;
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.sendRest(); });
  }

  /** When something was changed last that the server may not know, in ms; 0 if it knows all. */
  get unsent() { return browser.get(`${this.name}.unsent`) ?? 0; }
  set unsent(moment) { browser.set(`${this.name}.unsent`, moment || null); }

  /** Something was changed here. */
  touched() {
    this.unsent = Date.now();
    this.sendSoon();
  }

  sendRest() { if (this.unsent) this.send(); }

  /**
   * What another device has made of it meanwhile: its revision, and all that `read` has unless it was emptied; null if
   * nothing. `saw` is to be told once it is taken.
   */
  async newer() {
    try {
      const theirs = (await (versions ??= datedVersions()))[this.name];
      const isTheirs = theirs && theirs.device !== device && theirs.revision > this.revision;
      if (!isTheirs || this.unsent > theirs.moment) {
        this.sendRest();
        return null;
      }
      this.unsent = 0;
      const answer = await fetch(server.sketch(this.name));
      if (!answer.ok) return null;
      return { revision: theirs.revision, ...(await unpacked(await answer.blob())) };
    } catch {
      return null;      // what is here will do
    }
  }

  async send() {
    const upTo = this.unsent, sketch = await this.read(), packed = sketch ? pack(sketch) : new Blob([]);
    const told = this.tooLarge;      // of this picture, after an earlier stroke
    this.tooLarge = packed.size > LARGEST;
    if (this.tooLarge && !told)
      notice("sketch", t("This picture is too large to follow you to other devices: it stays in this browser."));
    if (this.tooLarge) { this.unsent = 0; return; }
    try {
      const { revision, replaced } = await server.keepSketch(this.name, packed, { device, seen: this.revision });
      this.saw(revision);
      if (this.unsent === upTo) this.unsent = 0;
      const said = "The picture was changed on another device meanwhile ({when}): what is here counts now.";
      if (replaced) notice("sketch", t(said, { when: when(replaced) }), 8);
    } catch { /* the browser keeps it, and the next stroke tries again */ }
  }

  saw(revision) {
    this.revision = revision;
    browser.set(this.name, revision);
  }
}

/** The versions that the server has, each with the moment it was written at by this browser's clock, in ms. */
async function datedVersions() {
  const found = Object.entries(await server.drafts()), now = Date.now();
  return Object.fromEntries(found.map(([name, each]) => [name, { ...each, moment: now - each.age * 1000 }]));
}

/** A line that says what follows, and then the files. */
function pack({ file, border, tiles }) {
  const about = {
    file: { name: file.name ?? "", type: file.type, size: file.size }, border,
    tiles: [...tiles].map(([key, tile]) => [key, tile.size]),
  };
  return new Blob([`${JSON.stringify(about)}\n`, file, ...tiles.values()]);
}

async function unpacked(packed) {
  if (!packed.size) return {};
  const bytes = new Uint8Array(await packed.arrayBuffer());
  let at = bytes.indexOf(NEWLINE);
  const { file, border, tiles } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, at++)));
  const next = (size) => bytes.subarray(at, (at += size));
  const picture = new File([next(file.size)], file.name, { type: file.type });
  return {
    file: picture, border,
    tiles: new Map(tiles.map(([key, size]) => [key, new Blob([next(size)], { type: "image/png" })])),
  };
}
