import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

openPage({ facts: { forms: { txt2img: { ids: { steps: "steps", prompt: "prompt", lora: "gone" } } }, labels: {} } });
const { changedParts, editBetween, isEmpty, keywordsOf, presetFields } = await import("../assets/data/edits.js");
const { declaredFields } = await import("../assets/data/declared.js");

const SAID = { infotext: "a fox\nSteps: 9", texts: { workflow: "{}", note: "hi" }, descriptive: { title: "" } };

test("data that nobody changed are no edit", () => {
  assert.ok(isEmpty(editBetween(SAID, structuredClone(SAID))));
  assert.ok(isEmpty(editBetween(SAID, { ...SAID, infotext: "a fox\nSteps: 9\n" })));
});

test("an edit names what is changed, and null for a text that is taken away", () => {
  const now = { infotext: "an owl\nSteps: 9", texts: { note: "ho" }, descriptive: { title: "Owl" } };
  assert.deepEqual(editBetween(SAID, now), {
    infotext: "an owl\nSteps: 9", texts: { workflow: null, note: "ho" }, descriptive: { title: "Owl" },
  });
});

test("a form's changes are fields and settings by name and other pairs by key, null for what is taken out", () => {
  const tab = "txt2img";
  const before = { tab, fields: { steps: 9, seed: 1 }, settings: { eta: 0.5 }, unknown: [["A", "1"], ["B", "2"]] };
  const now = { tab, fields: { steps: 8 }, settings: {}, unknown: [["A", "1"], ["C", "3"], ["", "x"]] };
  assert.deepEqual(changedParts(before, now), {
    tab: "txt2img", fields: { steps: 8, seed: null, B: null, C: "3" }, settings: { eta: null },
  });
  assert.deepEqual(changedParts(before, before), { tab: "txt2img", fields: {}, settings: {} });
});

test("a preset's values go to the controls of their arguments, and one without a control to none", () => {
  const preset = { script_name: "Plot", script_args: ["Steps", "3, 4", [], "Nothing"] };
  const names = ["x_type", "x_values", "x_dropdown", "y_type", "y_values"];
  const controls = { x_type: "a", x_values: "b", y_type: "c", y_values: "d" };
  assert.deepEqual(presetFields(preset, names, controls), { script_name: "Plot", a: "Steps", b: "3, 4", c: "Nothing" });
});

test("keywords are typed with commas between", () => {
  assert.deepEqual(keywordsOf(" fox, , red snow ,"), ["fox", "red snow"]);
});

test("a declared field is what the page's form draws; a box's own type says nothing of it", () => {
  globalThis.easel.page = { components: [
    { type: "slider", props: { elem_id: "steps", label: "Sampling steps", minimum: 1, maximum: 150, step: 1 } },
    { type: "textbox", props: { elem_id: "prompt", type: "text", label: "Prompt", lines: 3 } },
  ] };
  const found = declaredFields("txt2img");
  assert.deepEqual([...found.keys()], ["steps", "prompt"]);
  assert.equal(found.get("steps").kind, "number");
  assert.deepEqual([found.get("prompt").kind, found.get("prompt").lines], ["text", 3]);
});
