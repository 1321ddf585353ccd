import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

openPage();
const { Layout, titledSections } = await import("../assets/library/sections.js");
const { quoted, termsOf, toggled, wordAt } = await import("../assets/library/search.js");
const { dayInWords, monthsOf } = await import("../assets/library/days.js");
const { generations } = await import("../assets/library/relatives.js");
const { folderTree } = await import("../assets/library/folder_tree.js");
const { Selection } = await import("../assets/library/selection.js");
const { Pictures } = await import("../assets/library/pictures.js");

const SIZES = { tile: 100, gap: 10, heading: 40 };
const days = [["a", 5], ["b", 1], ["c", 8]].map(([name, count]) => ({ name, title: name, count }));

test("a grid's rows fill its width, and each section begins below the one before", () => {
  const layout = new Layout(days, 430, SIZES);      // four tiles of 100 with gaps of 10
  assert.equal(layout.columns, 4);
  assert.equal(layout.side, 100);
  assert.deepEqual(layout.sections.map(({ top, first }) => [top, first]), [[0, 0], [260, 5], [410, 6]]);
  assert.equal(layout.height, 670);
  assert.deepEqual(layout.place(4), { left: 0, top: 150 });
  assert.deepEqual(layout.place(5), { left: 0, top: 300 });
});

test("what lies between two heights is all that is seen there, and little more", () => {
  const many = Array.from({ length: 300 }, (_, i) => ({ name: `${i}`, title: `${i}`, count: 1 + (i * 7) % 23 }));
  const layout = new Layout(many, 777, SIZES);
  for (let top = -200; top < layout.height; top += 333) {
    const bottom = top + 900, { from, to } = layout.between(top, bottom);
    for (let index = 0; index < layout.total; index += 1) {
      const at = layout.place(index).top, seen = at + layout.side > top && at < bottom;
      if (seen) assert.ok(index >= from && index < to, `${index} is seen at ${top}`);
    }
    assert.ok(to - from <= layout.columns * 11);
  }
});

test("a hundred thousand pictures in four thousand days are laid out by days, not by pictures", () => {
  const layout = new Layout(Array.from({ length: 4000 }, (_, i) => ({ name: `${i}`, title: "x", count: 25 })), 1000, SIZES);
  assert.equal(layout.total, 100_000);
  assert.equal(layout.of(99_999).name, "3999");
  assert.equal(layout.between(layout.height - 100, layout.height + 900).to, 100_000);
});

test("up and down stay in their column, from one section to the next", () => {
  const layout = new Layout(days, 430, SIZES);
  const steps = [[0, 1, 4], [1, 1, 4], [4, 1, 5], [5, 1, 6], [5, -1, 4], [6, -1, 5], [9, 1, 13], [0, -1, -1], [13, 1, 14]];
  for (const [from, by, to] of steps) assert.equal(layout.vertical(from, by), to, `${from} by ${by}`);
});

test("months count their days, in the order of the list", () => {
  const told = [["2026-11-29", 2], ["2026-10-01", 1], ["2026-10-03", 4]].map(([name, count]) => ({ name, count }));
  assert.deepEqual(monthsOf(told).map(({ month, count }) => [month, count]), [["2026-11", 2], ["2026-10", 5]]);
});

test("each section has a heading, also what has no model, no job or no prompt", () => {
  const titles = (sort, ...told) => titledSections(told.map(([name, title = ""]) => ({ name, title, count: 1 })), sort)
    .map(({ title }) => title);
  assert.deepEqual(titles("model", ["sticker"], [""]), ["sticker", "Model unknown"]);
  assert.deepEqual(titles("job", ["a", "a red fox"], ["b"], [""]), ["a red fox", "Without a prompt", "Job unknown"]);
  assert.ok(titles("oldest", ["2020-01-05"])[0].includes("2020"));
});

test("yesterday is the day before, across the end of a year", () => {
  assert.equal(dayInWords("2025-12-31", new Date(2026, 0, 1, 0, 5)), "Yesterday");
  assert.equal(dayInWords("2026-01-01", new Date(2026, 0, 1, 23, 59)), "Today");
  assert.match(dayInWords("2024-02-29", new Date(2026, 0, 1)), /2024/);
});

test("a word of a search is what stands between spaces, or in quotes", () => {
  const text = 'owl model:"dreamy v4" steps:>20';
  const word = (at) => { const { from, to } = wordAt(text, at); return text.slice(from, to); };
  assert.equal(word(1), "owl");
  assert.equal(word(15), 'model:"dreamy v4"');
  assert.equal(word(text.length), "steps:>20");
  assert.deepEqual(termsOf(text), ["owl", 'model:"dreamy v4"', "steps:>20"]);
});

test("a term is put into a search once, and taken out again", () => {
  const term = `model:${quoted("dreamy v4")}`;
  assert.equal(toggled("owl", term), 'owl model:"dreamy v4"');
  assert.equal(toggled(toggled("owl", term), term), "owl");
  assert.equal(quoted("plain"), "plain");
});

test("parents stand above their children, and a circle does not hang", () => {
  const nodes = ["a", "b", "c", "d"].map((id) => ({ id }));
  const rows = (edges) => generations({ nodes, edges }).map((row) => row.map(({ id }) => id).join(""));
  assert.deepEqual(rows([["a", "b"], ["b", "c"], ["a", "d"]]), ["a", "bd", "c"]);
  assert.deepEqual(rows([["b", "c"], ["a", "b"]]), ["ad", "b", "c"]);
  assert.equal(rows([["a", "b"], ["b", "a"]]).join("").length, 4);
});

test("a selection is some pictures or a whole search, and tells the server which", () => {
  let told = 0;
  const chosen = new Selection(() => { told += 1; });
  chosen.set([{ id: 1 }]);
  chosen.toggle({ id: 2 });
  assert.deepEqual(chosen.which, { pictures: [1, 2] });
  chosen.toggle({ id: 1 });
  assert.equal(chosen.only.id, 2);
  chosen.all({ q: "owl", in: "", total: 100_000 });
  assert.deepEqual([chosen.size, chosen.which, chosen.only], [100_000, { q: "owl", in: "" }, null]);
  assert.ok(chosen.has({ id: 7 }));
  chosen.toggle({ id: 7 });
  assert.deepEqual(chosen.which, { pictures: [7] });
  assert.equal(told, 5);
});

test("after one's own change all is known, unless an answer may be older or others have changed something too", async () => {
  const sent = (revision) => async () => ({ revision });
  const shown = () => Object.assign(new Pictures({ sort: "name" }, () => {}), { revision: 3 });
  const quiet = shown();
  assert.equal(await quiet.change(new Set([1]), {}, sent(4)), true);
  assert.equal(quiet.revision, 4);
  const news = shown();
  assert.equal(await news.change(new Set([1]), {}, sent(5)), false);
  assert.equal(news.revision, 3);
  const before = Object.assign(shown(), { pending: 1 });
  assert.equal(await before.change(new Set([1]), {}, sent(4)), false);
  const meanwhile = shown();
  assert.equal(await meanwhile.change(new Set([1]), {}, async () => {
    meanwhile.begun += 1;
    return { revision: 4 };
  }), false);
});

test("folders stand below the folder they lie in, days from the newest, with the pictures of all below", () => {
  const listed = [["7/b/2026-11-01", 2], ["7/a", 4], ["7/b/2026-11-03", 1], ["7/a/deep/er", 8]]
    .map(([value, count]) => ({ value, count }));
  const names = (tree) => tree.map(({ name, count, inner }) => [name, count, names(inner)]);
  const tree = folderTree(7, listed);
  assert.deepEqual(names(tree), [
    ["a", 12, [["deep", 8, [["er", 8, []]]]]], ["b", 3, [["2026-11-03", 1, []], ["2026-11-01", 2, []]]],
  ]);
  assert.deepEqual(tree[1].inner.map(({ path }) => path), ["7/b/2026-11-03", "7/b/2026-11-01"]);
});
