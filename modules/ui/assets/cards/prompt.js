// What a card does to a prompt, as text in, text out. What a card inserts is a tag (`<lora:name:1>`) or a word (`name`).
const TAG = /^<([^:<>]+):([^:<>]+)(?::([^<>]*))?>$/;
const KINDS = { lora: "(?:lora|lyco)" };      // two spellings of one kind
const LETTER = "[\\p{L}\\p{N}_-]";

/** The tag with this weight; what is no tag has none. Without a weight (null or 0) it stays as it is. */
export function weighted(insert, weight) {
  const tag = TAG.exec(insert);
  return tag && weight ? `<${tag[1]}:${tag[2]}:${weight}>` : insert;
}

/** Whether a prompt has it, at whatever weight. */
export const holds = (text, insert) => insert !== "" && pattern(insert).test(text);

/** The text with pieces at its end, each after a space. */
export function added(text, ...pieces) {
  return pieces.filter(Boolean).reduce((whole, piece) => (whole && !/\s$/.test(whole) ? `${whole} ${piece}` : whole + piece), text);
}

/** The text without the first of each piece, and without the space or comma that only it needed. */
export function removed(text, ...pieces) {
  return pieces.filter(Boolean).reduce((whole, piece) => {
    const found = pattern(piece).exec(whole);
    return found ? joined(whole.slice(0, found.index), whole.slice(found.index + found[0].length)) : whole;
  }, text);
}

function joined(before, after) {
  const comma = /^\s*,\s*/.exec(after);
  if (comma && /(^|,)\s*$/.test(before)) return before + after.slice(comma[0].length);
  if (!after.trim()) return before.replace(/\s$/, "");
  return /(^|\s)$/.test(before) ? before + after.replace(/^\s/, "") : before + after;
}

function pattern(insert) {
  const tag = TAG.exec(insert);
  if (tag) return new RegExp(`<${KINDS[tag[1]] ?? escaped(tag[1])}:${escaped(tag[2])}(?::[^<>]*)?>`);
  const [start, end] = [insert.at(0), insert.at(-1)].map((edge) => new RegExp(LETTER, "u").test(edge));
  const word = (start ? `(?<!${LETTER})` : "") + escaped(insert) + (end ? `(?!${LETTER})` : "");
  return new RegExp(`\\(\\s*${word}\\s*(?::[\\d.]+)?\\s*\\)|${word}`, "iu");      // with the brackets that weigh it alone
}

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
