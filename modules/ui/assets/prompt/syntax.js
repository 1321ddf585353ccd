// What is what in a prompt, as ranges of its text: [start, end, kind]. One look at each character.
const MARKS = /\\.|<[^<>\n]*>|__|\$\$|\$\{|%\{|[()[\]{}|:]|#[^\n]*|\b(?:AND|BREAK)\b/gsu;
const WEIGHT = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*$/;
const CLOSES = { ")": "(", "]": "[", "}": "{" };
const MOST_SHOWN = 20_000;      // characters; a longer prompt has no colours

/** Ranges by kind, and the brackets: pairs [open, close], and those that fit nothing, { at, bracket }. */
export function syntaxOf(text) {
  const found = { ranges: [], pairs: [], alone: [] }, open = [];
  if (text.length > MOST_SHOWN) return found;
  const reading = { text, found, open, begun: null };      // begun: where a wildcard's name may have begun
  for (const { 0: mark, index } of text.matchAll(MARKS)) take(mark, index, reading);
  for (const { bracket, at } of open) found.alone.push({ at, bracket });
  found.alone.sort((one, other) => one.at - other.at);
  return found;
}

function take(mark, at, reading) {
  const { found, open } = reading, add = (kind) => found.ranges.push([at, at + mark.length, kind]);
  if (mark[0] === "\\") return;
  if (mark[0] === "#") add("comment");
  else if (mark[0] === "<") { if (/^<\w+:/.test(mark)) add("network"); }
  else if (mark === "AND" || mark === "BREAK") add("word");
  else if (mark === "__") underscores(at, reading);
  else if (mark === "$$") { if (open.at(-1)?.bracket === "{") add("choice"); }
  else if ("([{$%".includes(mark[0])) open.push({ bracket: mark.at(-1), at, from: at + mark.length, inner: [] });
  else if (mark in CLOSES) close(mark, at, reading);
  else open.at(-1)?.inner.push([at, mark]);
}

/** A name between double underscores on one line. */
function underscores(at, reading) {
  const { begun, text, found } = reading;
  const fits = begun !== null && at > begun + 2 && !/[\n,]/.test(text.slice(begun + 2, at));
  if (fits) found.ranges.push([begun, at + 2, "wildcard"]);
  reading.begun = fits ? null : at;
}

function close(mark, at, { text, found, open }) {
  const place = open.findLastIndex(({ bracket }) => bracket === CLOSES[mark]);
  if (place < 0) return found.alone.push({ at, bracket: mark });
  for (const { bracket, at: lone } of open.splice(place + 1)) found.alone.push({ at: lone, bracket });
  const begun = open.pop();
  found.pairs.push([begun.at, at]);
  found.ranges.push(...coloured(text, begun, at));
}

/** A closed pair's own characters. */
function coloured(text, { bracket, at, from, inner }, end) {
  const kind = kindOf(text, bracket, inner, end);
  const whole = kind === "weight" && inner.length ? inner.at(-1)[0] : end;
  const marks = kind === "weight" ? [] : inner.filter(([, mark]) => bracket === "{" ? mark === "|" : true);
  return [[at, from, kind], ...marks.map(([place]) => [place, place + 1, kind]), [whole, end + 1, kind]];
}

function kindOf(text, bracket, inner, end) {
  if (bracket === "{") return "choice";
  const last = inner.at(-1);
  const numbered = last?.[1] === ":" && WEIGHT.test(text.slice(last[0] + 1, end));
  if (bracket === "[") return (numbered && inner.every(([, mark]) => mark === ":") && inner.length <= 2) ||
    (inner.length && inner.every(([, mark]) => mark === "|")) ? "editing" : "weight-plain";
  return numbered ? "weight" : "weight-plain";
}

/** The pair of brackets at whose edge a place is, or null. */
export const pairAt = ({ pairs }, place) =>
  pairs.find(([open, close]) => [open, open + 1, close, close + 1].includes(place)) ?? null;
