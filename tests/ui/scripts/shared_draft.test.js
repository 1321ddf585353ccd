import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

openPage({ facts: { start: { account: "ann", drafts: {} } } });
document.createElement = () => assert.fail("something was shown");
globalThis.IDBKeyRange = { bound: () => null };
globalThis.easel.remembered = () => ({ value: null, draft: null, setAside: null });
const asked = [];
globalThis.fetch = async (address, { body, keepalive }) => {
  asked.push({ body: JSON.parse(body), keepalive });
  return { ok: true, status: 200, text: async () => `{"revision": ${asked.length}, "replaced": null}` };
};
const { SharedDraft } = await import("../assets/core/shared_draft.js");
const { Store } = await import("../assets/editor/store.js");

/** A draft of which the prompt is changed and sent. */
function draftOf(form) {
  const draft = new SharedDraft("form", { put: () => {}, now: () => ({ values: { ...form } }) });
  draft.sendSoon = () => {};
  return draft;
}

test("what was changed is sent once, small enough to outlive the page where it can", async () => {
  const form = { prompt: "a fox" }, draft = draftOf(form);
  await draft.send();      // nobody has changed anything
  assert.equal(asked.length, 0);
  draft.changed();
  await draft.send();
  await draft.send();
  form.prompt = "狐".repeat(30_000);      // a browser refuses so much of a page that goes
  draft.changed();
  await draft.send();
  assert.deepEqual(asked.map(({ keepalive }) => keepalive), [true, false]);
  assert.deepEqual(asked.map(({ body }) => body.seen), [0, 1]);
});

test("a form that only follows its model is not sent over what another device has", async () => {
  const form = { prompt: "a fox", steps: 20 }, base = { steps: 20 };
  const draft = new SharedDraft("form", { put: () => {}, now: () => ({ values: { ...form }, base: { ...base } }) });
  const send = async () => { draft.changed(); await draft.send(); return asked.length; };
  draft.sendSoon = () => {};
  const before = await send();
  form.steps = base.steps = 8;
  assert.equal(await send(), before);
  form.steps = 9;
  assert.equal(await send(), before + 1);
});

test("nothing is offered to who has on both devices the same", () => {
  const draft = { revision: 3, changed: 0, device: "phone", value: { values: { prompt: "a fox" } } };
  const same = { values: { prompt: "a fox" }, revision: 2 };
  globalThis.easel.remembered = () => ({ value: draft.value, draft, setAside: same });
  assert.equal(draftOf({}).revision, 3);
  same.values.prompt = "a cat";
  assert.throws(() => draftOf({}), /something was shown/);
});

/** An editor's store, of which another device has a newer picture, answered once `answer` is called. */
function storeOf() {
  const store = new Store("img2img.image.0"), written = [];
  const newer = new Promise((resolve) => { store.answer = () => resolve({ revision: 7, file: "theirs", border: {}, tiles: new Map() }); });
  store.shared = { newer: () => newer, touched: () => {}, saw: (revision) => written.push(revision) };
  store.write = async (how) => how({ delete: () => {}, put: (value) => written.push(value) });
  store.kept = async () => written;
  return { store, written };
}

test("an editor begins with the newer picture of another device", async () => {
  const { store, written } = storeOf(), read = store.read();
  store.answer();
  await read;
  assert.deepEqual([written[0], written.at(-1)], ["theirs", 7]);
});

test("a picture that somebody opens meanwhile is not replaced by another device's", async () => {
  const { store, written } = storeOf(), read = store.read();
  store.picture("mine", {});
  store.answer();
  assert.deepEqual(await read, ["mine", {}]);
});
