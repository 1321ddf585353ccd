// The words of all pages: texts in the page's language, and what the server says in English put into it. Runs first.
"use strict";

window.wording = (() => {
  const FEWEST = 6;      // letters that a text with gaps needs to be known again
  let table = {}, sentences = null;

  const filled = (text, gaps) => text.replace(/\{(\w+)\}/g, (whole, name) => gaps[name] ?? whole);

  /** A text as shown: translated if the table knows it, {gaps} filled in. */
  const t = (text, gaps = {}) => filled(table[text] ?? text, gaps);

  /** A text with gaps, by which a sentence of the server's is known again. */
  function pattern(text) {
    const parts = text.split(/\{(\w+)\}/);      // every second one is a gap's name
    const fixed = parts.filter((_, at) => at % 2 === 0);
    const source = fixed.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("([^]*?)");
    return {
      text,
      names: parts.filter((_, at) => at % 2),
      start: fixed[0],
      letters: fixed.join("").replace(/[^\p{L}]/gu, "").length,
      match: (said) => new RegExp(`^${source}$`).exec(said),
    };
  }

  function patterns() {
    return Object.keys(table)
      .filter((text) => /\{\w+\}/.test(text))
      .map(pattern)
      .filter(({ letters }) => letters >= FEWEST)
      .sort((a, b) => b.letters - a.letters);      // the one that says most comes first
  }

  /** What the server said, which is English, in the page's language; what the table does not know stays as it is. */
  function told(text) {
    if (typeof text !== "string" || !text.trim() || !Object.keys(table).length) return text;
    if (table[text]) return table[text];
    sentences ??= patterns();
    for (const each of sentences) {
      const found = text.startsWith(each.start) ? each.match(text) : null;
      if (found) return filled(table[each.text], gapsOf(each, found));
    }
    const parts = text.split(/(?<=[.!?]) (?=\p{Lu}|`)/u);
    return parts.length > 1 ? parts.map(told).join(" ") : text;
  }

  /** What stands in the gaps; a word, a reason or a sentence of ours among them is translated, too. */
  const gapsOf = ({ names }, found) =>
    Object.fromEntries(names.map((name, at) => [name, inGap(name, found[at + 1])]));

  const inGap = (name, text) => (name === "reason" || /[.!?]$/.test(text) ? told(text) : table[text] ?? text);

  /** The page's language, and its words; of several tables the last one counts. */
  function use(language, ...tables) {
    document.documentElement.lang = language;
    table = Object.assign({}, ...tables);
    sentences = null;
  }

  /** How dates and numbers are written: as the browser is used to in the page's language. */
  function locale() {
    const { lang } = document.documentElement;
    const main = (tag) => tag.split("-")[0].toLowerCase();
    return navigator.languages?.find((tag) => main(tag) === main(lang)) ?? lang;
  }

  return { t, told, use, locale, get table() { return table; } };
})();
