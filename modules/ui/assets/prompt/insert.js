// What a card does to a prompt, as text in, text out. What a card inserts is a tag (`<lora:name:1>`) or a word
// (`name`).
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

/**
 * The text with pieces at its end, each after a space of its own, so that taking them out again leaves it as it was.
 */
export function added(text, ...pieces) {
  return pieces.filter(Boolean).reduce((whole, piece) => (whole ? `${whole} ${piece}` : piece), text);
}

/** The text without it: every such tag, with `words` where they stand right behind; of what is no tag, the last.
 *
 * The same words elsewhere are the user's own. A space or comma that only the piece needed goes too.
 */
export function removed(text, insert, words = "") {
  if (!insert) return text;
  const found = [...text.matchAll(pattern(insert, words))];
  const going = TAG.test(insert) ? found : found.slice(-1);
  return going.reduceRight(
    (whole, { index, 0: piece }) => joined(whole.slice(0, index), whole.slice(index + piece.length)),
    text,
  );
}

function joined(before, after) {
  const comma = /^\s*,\s*/.exec(after);
  if (comma && /(^|,)\s*$/.test(before)) return before + after.slice(comma[0].length);
  if (comma || !after.trim()) return before.replace(/\s$/, "") + (comma ? after : "");
  return /(^|\s)$/.test(before) ? before + after.replace(/^\s/, "") : before + after;
}

function pattern(insert, words = "") {
  const tag = TAG.exec(insert);
  if (tag)
    return new RegExp(
      `<${KINDS[tag[1]] ?? escaped(tag[1])}:${escaped(tag[2])}(?::[^<>]*)?>${words && `(?:[\\s,]*${whole(words)})?`}`,
      "gu",
    );
  // with the brackets that weigh it alone
  return new RegExp(`\\(\\s*${whole(insert)}\\s*(?::[\\d.]+)?\\s*\\)|${whole(insert)}`, "giu");
}

/** As a word of its own, not within another. */
function whole(text) {
  const [start, end] = [text.at(0), text.at(-1)].map((edge) => new RegExp(LETTER, "u").test(edge));
  return (start ? `(?<!${LETTER})` : "") + escaped(text) + (end ? `(?!${LETTER})` : "");
}

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
