// A sketch that follows an account from one device to another: picture, border and strokes in one file, written once
// the hand has rested.
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
  }

  /**
   * What another device has made of it meanwhile: its revision, and all that `read` has unless it was emptied; null if
   * nothing. `saw` is to be told once it is taken.
   */
  async newer() {
    try {
      const theirs = (await (versions ??= server.drafts()))[this.name];
      if (!theirs || theirs.device === device || theirs.revision <= this.revision) return null;
      const answer = await fetch(server.sketch(this.name));
      if (!answer.ok) return null;
      return { revision: theirs.revision, ...(await unpacked(await answer.blob())) };
    } catch {
      return null;      // what is here will do
    }
  }

  async send() {
    const sketch = await this.read(), packed = sketch ? pack(sketch) : new Blob([]);
    const told = this.tooLarge;      // of this picture, after an earlier stroke
    this.tooLarge = packed.size > LARGEST;
    if (this.tooLarge && !told)
      notice("sketch", t("This picture is too large to follow you to other devices: it stays in this browser."));
    if (this.tooLarge) return;
    try {
      const { revision, replaced } = await server.keepSketch(this.name, packed, { device, seen: this.revision });
      this.saw(revision);
      const said = "The picture was changed on another device meanwhile ({when}): what is here counts now.";
      if (replaced) notice("sketch", t(said, { when: when(replaced) }), 8);
    } catch { /* the browser keeps it, and the next stroke tries again */ }
  }

  saw(revision) {
    this.revision = revision;
    browser.set(this.name, revision);
  }
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
