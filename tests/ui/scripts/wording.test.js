// What the server says in English, put into the page's language (modules/app/wording.js).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInThisContext } from "node:vm";

const script = readFileSync(new URL("../wording.js", import.meta.url), "utf8");
globalThis.window = {};
globalThis.document = { documentElement: {} };
runInThisContext(script);
const { told, use } = window.wording;

test("a reason in a sentence is worded as well, and one within a reason", () => {
  use("de", {
    "It died ({reason}).": "Es starb ({reason}).",
    "it was lost: {reason}": "es ging verloren: {reason}",
    "no answer within {n} seconds": "keine Antwort in {n} Sekunden",
  });
  assert.equal(told("It died (SIGSEGV)."), "Es starb (SIGSEGV).");
  assert.equal(told("It died (it was lost: no answer within 9 seconds)."),
    "Es starb (es ging verloren: keine Antwort in 9 Sekunden).");
});
