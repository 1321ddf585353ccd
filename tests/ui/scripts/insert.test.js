import assert from "node:assert/strict";
import { test } from "node:test";
import { added, holds, removed, weighted } from "../assets/prompt/insert.js";

test("a tag takes a weight, a word and no weight leave it as it is", () => {
  assert.equal(weighted("<lora:hat:1>", 0.7), "<lora:hat:0.7>");
  assert.equal(weighted("<lora:hat:1>", 0), "<lora:hat:1>");
  assert.equal(weighted("easyneg", 0.7), "easyneg");
});

test("a prompt holds a network at whatever weight, and a word only as a whole one", () => {
  assert.ok(holds("a cat <lyco:hat:0.3>", "<lora:hat:1>"));
  assert.ok(!holds("a cat <lora:hats:1>", "<lora:hat:1>"));
  assert.ok(holds("a (easyneg:1.2)", "easyneg"));
  assert.ok(!holds("a bobcat", "cat"));
  assert.ok(!holds("anything", ""));
});

for (const text of ["", "a cat", "a cat, ", "a cat,\na dog ", "(cat:1.1)", "grün, 猫"]) {
  for (const [insert, words] of [["<lora:hat:1>", ""], ["<lora:hat:1>", "wearing a hat"], ["easyneg", ""]]) {
    test(`what was put into ${JSON.stringify(text)} is taken out again: ${insert} ${words}`, () => {
      assert.equal(removed(added(text, insert, words), insert, words).trimEnd(), text.trimEnd());
    });
  }
}

test("a comma that only the piece needed goes too", () => {
  assert.equal(removed("a cat, <lora:hat:1>, snow", "<lora:hat:1>"), "a cat, snow");
  assert.equal(removed("<lora:hat:1>, snow", "<lora:hat:1>"), "snow");
});
