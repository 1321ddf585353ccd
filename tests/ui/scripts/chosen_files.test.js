import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

openPage();
const { ChosenFiles } = await import("../assets/core/chosen_files.js");

/** As much of an element as the list needs. */
class Element {
  children = [];
  classList = { toggle: (name, on) => { this[name] = on; } };
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  setAttribute() {}
}

const urls = new Set();
globalThis.document.createElement = () => new Element();
globalThis.URL.createObjectURL = ({ name }) => { urls.add(name); return name; };
globalThis.URL.revokeObjectURL = (url) => urls.delete(url);
globalThis.FileReader = class { readAsDataURL({ name }) { this.result = name; this.onload(); } };

const file = (name, type = "image/png") => ({ name, type });

function keeping() {
  const kept = [];
  globalThis.fetch = async (_url, { body }) => {
    const { image } = JSON.parse(body);
    kept.push(image);
    return { ok: true, status: 200, text: async () => JSON.stringify({ name: `${image} kept`, infotext: "" }) };
  };
  return kept;
}

test("pictures are added and taken away, other files are left out, and no address is kept for nothing", () => {
  const files = new ChosenFiles("div");
  files.add([file("a"), file("b"), file("notes", "text/plain")]);
  files.remove([files.entries[0]]);
  assert.deepEqual([files.entries.map((entry) => entry.file.name), [...urls]], [["b"], ["b"]]);
  files.replace([file("c")]);
  assert.deepEqual([files.size, [...urls]], [1, ["c"]]);
});

test("each picture is sent once, in its place", async () => {
  const kept = keeping(), files = new ChosenFiles("div");
  files.add([file("a"), file("b")]);
  await files.send();
  files.add([file("c")]);
  const sent = await files.send();
  assert.deepEqual([kept, sent.map(({ image }) => image)], [["a", "b", "c"], ["a kept", "b kept", "c kept"]]);
});

test("whoever wants to know is told when there is no longer one alone", () => {
  const told = [], files = new ChosenFiles("div", { onOne: (image) => told.push(image) });
  files.add([file("a")]);
  assert.ok(files.root["has-one"] && told.length === 1);
  files.add([file("b")]);
  assert.deepEqual([files.root["has-one"], told], [false, [null, null]]);
});
