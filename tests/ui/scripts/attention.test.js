import assert from "node:assert/strict";
import { test } from "node:test";
import { moveElement, reweigh } from "../assets/prompt/attention.js";

/** "a c|at" → the text and the caret in it. */
const at = (marked) => [marked.replace("|", ""), marked.indexOf("|")];

for (const [marked, sign, wanted] of [
  ["<lora:hat:1>|", +1, "<lora:hat:1>"],
  ["<lora:h|at:1>", +1, "<lora:hat:1.05>"],
  ["<lora:h|at>", -1, "<lora:hat:0.95>"],
  ["(a dog:1.1) ca|t", -1, "(a dog:1.1) (cat:0.9)"],
  ["(a d|og:1.1)", -1, "a dog"],
  ["(a d|og)", +1, "(a dog:1.2)"],
  ["((a d|og))", +1, "((a dog:1.2))"],
  ["(a d|og:0.05)", -1, "(a dog:0)"],
  ["a dog, |", +1, "a dog, "],
]) {
  test(`${marked} weighed by ${sign} is ${wanted}`, () => {
    const [text, caret] = at(marked);
    assert.equal(reweigh(text, caret, caret, sign).text, wanted);
  });
}

test("up and down again leaves the text as it was", () => {
  const text = "a red fox";
  const up = reweigh(text, 2, 5, 1);
  assert.equal(up.text, "a (red:1.1) fox");
  assert.equal(up.text.slice(up.start, up.end), "red");
  assert.equal(reweigh(up.text, up.start, up.end, -1).text, text);
});

test("an element moves past its neighbour, with the brackets that hold commas", () => {
  assert.equal(moveElement("a fox, (snow, ice:1.2), sun", 0, 0, 1).text, "(snow, ice:1.2), a fox, sun");
  assert.equal(moveElement("a fox, snow", 8, 8, -1).text, "snow, a fox");
  assert.equal(moveElement("a fox, snow", 0, 0, -1).text, "a fox, snow");
});
