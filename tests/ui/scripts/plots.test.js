import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

openPage();
const { joinValues, splitValues } = await import("../assets/plots/value_choice.js");

for (const values of [[], ["a"], ["a", "b, c"], ['say "cheese"', "x"], ["one\ntwo"], ["DPM++ 2M", "Euler a"]]) {
  test(`${JSON.stringify(values)} is what it was after it has been a text`, () => {
    assert.deepEqual(splitValues(joinValues(values)), values);
  });
}

test("values are split as the server splits them", () => {
  assert.deepEqual(splitValues(' a , "b, c" ,d'), ["a", "b, c", "d"]);
  assert.deepEqual(splitValues('5" nails, "a ""b"""'), ['5" nails', 'a "b"']);
  assert.deepEqual(splitValues("a\nb"), ["a", "b"]);
});
