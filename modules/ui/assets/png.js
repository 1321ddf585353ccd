// Generation data out of pictures: a PNG is read in the browser, others by the server.
import { dataUrl, server } from "./server.js";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const LONGEST = 4 * 2 ** 20;      // bytes of text

/** The texts in a PNG file by their keys, null if it is no PNG. */
export async function textsOf(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) return null;
  const texts = {};
  for (const { type, data } of chunks(bytes)) {
    const found = await READERS[type]?.(data);
    if (found && !(found.key in texts)) texts[found.key] = found.text;
  }
  return texts;
}

/** What a picture tells of itself: {infotext, manifest}, each "" if it has none. Throws Refused if it cannot be read. */
export async function told(file) {
  const texts = await textsOf(file) ?? await server.pngInfo(await dataUrl(file));
  return { infotext: texts.parameters ?? "", manifest: texts.easel ?? "" };
}

function* chunks(bytes) {
  const view = new DataView(bytes.buffer);
  for (let place = 8; place + 12 <= bytes.length;) {
    const length = view.getUint32(place);
    const type = latin(bytes.subarray(place + 4, place + 8));
    if (type === "IEND" || place + 12 + length > bytes.length) return;
    yield { type, data: bytes.subarray(place + 8, place + 8 + length) };
    place += 12 + length;
  }
}

const READERS = {
  async tEXt(data) {
    const [key, text] = cut(data);
    return { key: latin(key), text: latin(text) };
  },
  async zTXt(data) {
    const [key, rest] = cut(data);
    return { key: latin(key), text: latin(await inflated(rest.subarray(1))) };
  },
  async iTXt(data) {
    const [key, rest] = cut(data);
    const [, afterLanguage] = cut(rest.subarray(2));
    const [, text] = cut(afterLanguage);
    return { key: latin(key), text: new TextDecoder().decode(rest[0] ? await inflated(text) : text) };
  },
};

function cut(data) {
  const end = data.indexOf(0);
  return end < 0 ? [data, new Uint8Array()] : [data.subarray(0, end), data.subarray(end + 1)];
}

function latin(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return text;
}

async function inflated(bytes) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const parts = [];
  for (let total = 0; total < LONGEST;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    total += value.length;
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
