// What is being typed in a prompt, and text put in its place.
const LOOKED_AT = 200;       // characters before the caret
const FEWEST = 2;            // letters of a word
const MOST_WORDS = 3;        // of a phrase
const NETWORK = /<(?:(lora|lyco|hypernet):)?([^<>:\n]*)$/;
const WILDCARD = /__([\w/*.-]*)$/;
const WORD = /[^,\n<>()[\]{}|:$]*$/;

/** What may be completed at a caret, the longest first: { kind, start, text } each. */
export function typedAt(text, caret) {
  const from = Math.max(0, caret - LOOKED_AT), before = text.slice(from, caret);
  const network = NETWORK.exec(before);
  if (network) {
    const kind = { lora: "lora", lyco: "lora", hypernet: "hypernetwork" }[network[1]] ?? "network";
    return [{ kind, start: from + network.index, text: network[2] }];
  }
  const wildcard = WILDCARD.exec(before);
  if (wildcard && opens(before.slice(0, wildcard.index)))
    return [{ kind: "wildcard", start: from + wildcard.index, text: wildcard[1] }];
  return phrasesAt(WORD.exec(before)[0], caret);
}

/** The last words of a phrase: a tag may have several. */
function phrasesAt(phrase, caret) {
  const starts = [...phrase.matchAll(/\S+/g)].map(({ index }) => index).slice(-MOST_WORDS);
  const from = (start) => ({ kind: "word", start: caret - phrase.length + start, text: phrase.slice(start).trimEnd() });
  return starts.map(from).filter(({ text }) => text.length >= FEWEST && !/^[\d.\s]*$/.test(text));
}

/** Whether double underscores behind this text begin a name, and do not end one. */
const opens = (before) => (before.slice(before.lastIndexOf("\n") + 1).split("__").length - 1) % 2 === 0;

/** Put text in the place of a part, so that Ctrl+Z takes it back. */
export function replacePart(box, start, end, text) {
  box.focus();
  box.setSelectionRange(start, end);
  const done = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
  if (!done) box.setRangeText(text, start, end, "end");
  window.updateInput(box);
}

/** What follows a completed word: a comma and a space where the text ends, else nothing. */
export const behind = (kind, text, end) => (kind !== "network" && !text.slice(end).trim() ? ", " : "");
