// gradio is given the page in parts: what is seen first, and other tabs once they are opened.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const SCRIPT = readFileSync(new URL("../assets/core/parts.js", import.meta.url), "utf8");
const ROWS = 24;

const event = (id, js, [target, trigger], inputs, outputs) => ({ id, js, targets: [[target, trigger]], inputs, outputs });
const component = (id, elem_id) => ({ id, type: "textbox", props: { elem_id } });

/** A page with the tabs `one` and `two`, a store of one control of each and one beside the tabs, and its bridge. */
function config() {
  const rows = (first) => Array.from({ length: ROWS }, (_, i) => ({ id: first + i }));
  const hear = "(...values) => easel.store('form').hear([\"quick\", \"a\", \"b\"], values)";
  return {
    components: [
      component(1, "tabs"), component(2, "tab_one"), component(3, "tab_two"), component(4, "quick"), component(5, "form_store"),
      ...[...rows(100), ...rows(200)].map(({ id }) => component(id, `row_${id}`)),
    ],
    layout: { id: 0, children: [
      { id: 4 }, { id: 1, children: [{ id: 2, children: rows(100) }, { id: 3, children: rows(200) }] }, { id: 5 },
    ] },
    dependencies: [
      { ...event(0, hear, [4, "change"], [4, 100, 200], []), targets: [[4, "change"], [100, "change"], [200, "change"]] },
      event(1, "() => easel.store('form').owed([\"quick\", \"a\", \"b\"])", [5, "fill"], [], [4, 100, 200]),
    ],
    page: {},
  };
}

/** What gradio reads as it starts, after the script ran over `given`. */
function read(given, facts = {}) {
  const window = { easel: { facts, theme: { wanted: "light" } }, gradio_config: given };
  const document = { querySelector: () => null, getElementById: () => null };
  class Observer { observe() {} }
  new Function("window", "document", "MutationObserver", SCRIPT)(window, document, Observer);
  return window.gradio_config;
}

test("a tab that is not seen first is left out, with its events", () => {
  const { components, dependencies, page } = read(config());
  const ids = components.map(({ id }) => id);
  assert.ok(ids.includes(100) && ids.includes(4) && ids.includes(3) && !ids.includes(200));
  assert.ok(dependencies.every(({ inputs, outputs }) => ![...inputs, ...outputs].includes(200)));
  assert.deepEqual(page[""].components, ids);
});

test("each control is heard alone, and a bridge fills those that are here", () => {
  const { dependencies } = read(config());
  const heard = dependencies.filter(({ inputs }) => inputs.length);
  assert.deepEqual(heard.map(({ inputs, js }) => [inputs, js]), [
    [[4], "(value) => easel.store('form').hear(['quick'], [value])"],
    [[100], "(value) => easel.store('form').hear(['a'], [value])"],
  ]);
  const [filling] = dependencies.filter(({ outputs }) => outputs.length);
  assert.deepEqual([filling.outputs, filling.js], [[4, 100], "() => easel.store('form').owed([\"quick\",\"a\"])"]);
});

test("a tab that another function names is there from the start", () => {
  const given = config();
  given.dependencies.push(event(2, null, [100, "click"], [100], [200]));
  assert.ok(read(given).components.some(({ id }) => id === 200));
});

test("with extensions the page is whole", () => {
  assert.ok(read(config(), { extensions: {} }).components.some(({ id }) => id === 200));
});
