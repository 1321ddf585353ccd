// A page at rest draws no frames: gradio's counting of seconds goes on only while a sign of waiting is seen.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const SCRIPT = readFileSync(new URL("../assets/core/resting.js", import.meta.url), "utf8");

/** What is asked of the browser when `steps` are to run with the next frame. */
function asked(steps, waiting) {
  const frames = [], window = { requestAnimationFrame: (step) => frames.push(step) };
  new Function("window", "document", SCRIPT)(window, { querySelector: () => (waiting ? {} : null) });
  steps.forEach((step) => window.requestAnimationFrame(step));
  return frames;
}

// as gradio's script has it: known by its text
const counting = new Function("return ()=>{t(n,(performance.now()-r)/1e3)}")(), other = () => {};

test("counting goes on while a sign of waiting is seen, and ends with it", () => {
  assert.deepEqual(asked([counting], true), [counting]);
  assert.deepEqual(asked([counting], false), []);
});

test("what others draw is drawn", () => {
  assert.deepEqual(asked([other], false), [other]);
});
