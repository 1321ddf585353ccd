import assert from "node:assert/strict";
import test from "node:test";
import { pairAt, syntaxOf } from "../assets/prompt/syntax.js";
import { behind, typedAt } from "../assets/prompt/typed.js";

/** What is coloured, as [text, kind]. */
const coloured = (text) => syntaxOf(text).ranges.sort(([one], [other]) => one - other)
  .map(([start, end, kind]) => [text.slice(start, end), kind]);

test("weights, editing, networks and words are told apart", () => {
  assert.deepEqual(coloured("(red:1.2)"), [["(", "weight"], [":1.2)", "weight"]]);
  assert.deepEqual(coloured("(red)"), [["(", "weight-plain"], [")", "weight-plain"]]);
  assert.deepEqual(coloured("[cat:dog:0.5]"), [["[", "editing"], [":", "editing"], [":", "editing"], ["]", "editing"]]);
  assert.deepEqual(coloured("[a|b]"), [["[", "editing"], ["|", "editing"], ["]", "editing"]]);
  assert.deepEqual(coloured("[less]"), [["[", "weight-plain"], ["]", "weight-plain"]]);
  assert.deepEqual(coloured("a <lora:ink:1> AND b BREAK <3"), [
    ["<lora:ink:1>", "network"], ["AND", "word"], ["BREAK", "word"],
  ]);
  assert.deepEqual(coloured("__a/b__ {2$$x|y} # no (z"), [
    ["__a/b__", "wildcard"], ["{", "choice"], ["$$", "choice"], ["|", "choice"], ["}", "choice"],
    ["# no (z", "comment"],
  ]);
  assert.deepEqual(coloured("\\(a\\) BRAND snake_case __a, b__"), []);
});

test("a bracket that fits nothing is named with its place", () => {
  assert.deepEqual(syntaxOf("a (b [c) d]").alone, [{ at: 5, bracket: "[" }, { at: 10, bracket: "]" }]);
  assert.deepEqual(syntaxOf("((a)").alone, [{ at: 0, bracket: "(" }]);
  assert.deepEqual(syntaxOf("\\(a").alone, []);
});

test("the brackets at the caret are found", () => {
  const found = syntaxOf("a (b)");
  assert.deepEqual(pairAt(found, 2), [2, 4]);
  assert.deepEqual(pairAt(found, 5), [2, 4]);
  assert.equal(pairAt(found, 0), null);
});

test("a long text costs no more than its length, and one without end has no colours", () => {
  const deep = "(".repeat(9_000) + ")".repeat(9_000);
  assert.equal(syntaxOf(deep).pairs.length, 9_000);
  assert.deepEqual(syntaxOf("(".repeat(30_000)).alone, []);
});

const typed = (text) => typedAt(text, text.length).map(({ kind, start, text: word }) => [kind, start, word]);

test("what is being typed is a network, a wildcard or the last words", () => {
  assert.deepEqual(typed("a <lora:in"), [["lora", 2, "in"]]);
  assert.deepEqual(typed("a <lo"), [["network", 2, "lo"]]);
  assert.deepEqual(typed("a <lora:x> __col"), [["wildcard", 11, "col"]]);
  assert.deepEqual(typed("__a__ fo"), [["word", 0, "__a__ fo"], ["word", 6, "fo"]]);
  assert.deepEqual(typed("1girl, (long ha"), [["word", 8, "long ha"], ["word", 13, "ha"]]);
  assert.deepEqual(typed("a, 12"), []);
  assert.deepEqual(typed("cat, "), []);
  assert.deepEqual(typed("(cat:1.2"), []);
});

test("a tag at the end of the text is followed by a comma", () => {
  assert.equal(behind("tag", "long", 4), ", ");
  assert.equal(behind("tag", "long, x", 4), "");
  assert.equal(behind("network", "long", 4), "");
});
