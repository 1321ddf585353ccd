// Editing of prompts as text in, text out: brackets, weights, order. Selections are [start, end).
const WEIGHED = /^:([\d.]+)\)/;
const WORD_END = /[\s,.;:()[\]{}<>|]/;

const rounded = (weight) => String(Math.max(0, Math.round(weight * 100) / 100));

/**
 * Raise (sign 1) or lower (-1) the weight of the selection, or of what the caret is in. Returns { text, start, end }.
 */
export function reweigh(text, start, end, sign) {
  const tag = enclosing(text, start, "<", ">");
  if (tag) return reweighTag(text, tag, sign);
  if (start === end) [start, end] = weighedGroup(text, start) ?? wordAt(text, start);
  [start, end] = trimmed(text, start, end);
  if (start === end) return { text, start, end };
  const inside = text.slice(start, end);
  const before = text.slice(0, start);
  const after = text.slice(end);
  const found = before.endsWith("(") && (WEIGHED.exec(after) ?? (after.startsWith(")") && [")", "1.1"]));
  const weight = Number(rounded((found ? Number(found[1]) : 1) + sign * 0.1));
  const left = found ? before.slice(0, -1) : before;
  const right = found ? after.slice(found[0].length) : after;
  const open = weight === 1 ? "" : "(";
  const close = weight === 1 ? "" : `:${rounded(weight)})`;
  return {
    text: left + open + inside + close + right,
    start: left.length + open.length,
    end: left.length + open.length + inside.length,
  };
}

function reweighTag(text, [start, end], sign) {
  const parts = /^(.*?:.*?:)([\d.]+)(.*)$/.exec(text.slice(start, end));
  const whole = parts ? parts[1] + rounded(Number(parts[2]) + sign * 0.05) + parts[3]
    : `${text.slice(start, end)}:${rounded(1 + sign * 0.05)}`;
  return { text: text.slice(0, start) + whole + text.slice(end), start, end: start + whole.length };
}

/** The inside of the innermost open…close pair around a place, or null. */
function enclosing(text, place, open, close) {
  const start = text.lastIndexOf(open, place - 1);
  const end = text.indexOf(close, place);
  if (start < 0 || end < 0 || text.slice(start + 1, place).includes(close) || text.slice(place, end).includes(open))
    return null;
  return [start + 1, end];
}

/** The text of a `(text:1.2)` around a place, or null. */
function weighedGroup(text, place) {
  const group = enclosing(text, place, "(", ")");
  if (!group) return null;
  const inside = text.slice(...group);
  return [group[0], group[0] + inside.replace(/:[\d.]+$/, "").length];
}

function wordAt(text, place) {
  let start = place, end = place;
  while (start > 0 && !WORD_END.test(text[start - 1])) start--;
  while (end < text.length && !WORD_END.test(text[end])) end++;
  return [start, end];
}

function trimmed(text, start, end) {
  while (start < end && /\s/.test(text[start])) start++;
  while (end > start && /\s/.test(text[end - 1])) end--;
  return [start, end];
}

/** Swap the comma element at the caret with its neighbour (sign -1: the one before). Returns { text, start, end }. */
export function moveElement(text, start, end, sign) {
  const parts = elements(text);
  let place = 0;
  const index = parts.findIndex((part) => (place += part.length + 1) > start);
  const other = index + sign;
  if (index < 0 || other < 0 || other >= parts.length) return { text, start, end };
  const [mine, theirs] = [parts[index], parts[other]].map((part) => part.trim());
  parts[index] = parts[index].replace(mine || /^/, () => theirs);
  parts[other] = parts[other].replace(theirs || /^/, () => mine);
  const begin = parts.slice(0, other).join(",").length + (other > 0 ? 1 : 0) + /^\s*/.exec(parts[other])[0].length;
  return { text: parts.join(","), start: begin, end: begin + mine.length };
}

/** The text split at commas that stand outside all brackets. */
function elements(text) {
  const parts = [""];
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") { parts[parts.length - 1] += text[i] + (text[++i] ?? ""); continue; }
    if ("([{<".includes(text[i])) depth++;
    if (")]}>".includes(text[i])) depth = Math.max(0, depth - 1);
    if (text[i] === "," && !depth) parts.push("");
    else parts[parts.length - 1] += text[i];
  }
  return parts;
}
