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
  const document = { querySelector: () => null, getElementById: () => null, addEventListener: () => {} };
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

/** The page above with what a column and a button are, three places for HTML and a bridge of gradio's HTML. */
function withHtml() {
  const given = config();
  const html = (id, props) => ({ id, type: "html", props: { html_template: "${value}", visible: true, ...props } });
  const kind = (id, type) => ({ id, type, component_class_id: `class of ${type}`, props: { name: type } });
  const bridge = { elem_id: "form_store", visible: "hidden", js_on_load: "easel.store('form').connect(() => trigger('fill'))" };
  const more = [
    kind(11, "column"), kind(12, "button"), html(13, { elem_id: "place" }), html(14, { value: "<b>x</b>", elem_classes: ["a"] }),
    html(15, { html_template: "{{x}}" }),
  ];
  given.components = [...given.components.filter(({ id }) => id !== 5), html(5, bridge), ...more];
  given.layout.children.push(...more.map(({ id }) => ({ id })));
  return given;
}

test("a place for HTML is drawn as a column, and a store fills its controls by a button", () => {
  const { components, dependencies } = read(withHtml());
  const of = (id) => components.find((each) => each.id === id);
  assert.deepEqual([13, 14, 15].map((id) => of(id).type), ["column", "column", "html"]);
  assert.deepEqual([13, 14].map((id) => of(id).props.elem_id), ["place", "html_14"]);
  assert.deepEqual(of(14).props.elem_classes, ["block", "html-place", "a"]);
  assert.equal(of(14).component_class_id, "class of column");
  const [{ targets: [[bridge, trigger]] }] = dependencies.filter(({ outputs }) => outputs.length);
  assert.equal(trigger, "click");
  assert.deepEqual([of(bridge).type, of(bridge).props.visible, of(bridge).props.elem_id], ["button", "hidden", `fill_${bridge}`]);
});

test("where an extension is, HTML is what it was", () => {
  const { components } = read(withHtml(), { extensions: {} });
  assert.deepEqual(components.filter(({ type }) => type === "html").length, 4);
});
