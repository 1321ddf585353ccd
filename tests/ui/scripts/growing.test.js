// Boxes grow with their text where the browser's style sheets cannot do it.
import assert from "node:assert/strict";
import { test } from "node:test";

class TextArea {
  text = "";
  style = {};
  matches() { return true; }
  get scrollHeight() { return 20 * this.text.split("\n").length; }
}
Object.defineProperty(TextArea.prototype, "value", {
  configurable: true, enumerable: true, get() { return this.text; }, set(text) { this.text = text; },
});

const listeners = {};
Object.assign(globalThis, {
  HTMLTextAreaElement: TextArea, innerHeight: 200, CSS: { supports: () => false },
  document: { addEventListener: (name, listener) => { listeners[name] = listener; } },
});
await import("../assets/core/growing.js");

test("a box has the height of what a script puts in, up to a share of the window", () => {
  const box = new TextArea();
  box.value = "one\ntwo";
  assert.deepEqual([box.value, box.style.height], ["one\ntwo", "42px"]);
  box.value = "line\n".repeat(50);
  assert.equal(box.style.height, "120px");
});

test("a box grows with what is typed", () => {
  const box = new TextArea();
  box.text = "one\ntwo\nthree";
  listeners.input({ target: box });
  assert.equal(box.style.height, "62px");
});
