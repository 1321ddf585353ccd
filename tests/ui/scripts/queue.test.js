import assert from "node:assert/strict";
import { test } from "node:test";
import { joined, movedBefore, startOfDay, stateWords, withMoved, withProgress } from "../assets/queue/order.js";

const job = (id, state = "queued", more = {}) => ({ id, state, ahead: 0, made: 0, asked: 1, fraction: 0, ...more });
const LIST = [job("at work", "running"), job("a"), job("b"), job("c"), job("over", "done")];
const ids = (jobs) => jobs.map(({ id }) => id);

test("a job moves among those that wait, and past neither end", () => {
  assert.equal(movedBefore(LIST, "b", -1), "a");
  assert.equal(movedBefore(LIST, "a", 1), "c");
  assert.equal(movedBefore(LIST, "b", 1), "");
  for (const [id, by] of [["a", -1], ["c", 1], ["at work", 1], ["over", -1]]) assert.equal(movedBefore(LIST, id, by), null);
});

test("what a move asks for is what the list shows", () => {
  assert.deepEqual(ids(withMoved(LIST, "c", "a")), ["at work", "c", "a", "b", "over"]);
  assert.deepEqual(ids(withMoved(LIST, "a", "")), ["at work", "b", "c", "a", "over"]);
  for (const id of ["a", "b", "c"]) {
    for (const by of [-1, 1]) {
      const before = movedBefore(LIST, id, by);
      if (before === null) continue;
      assert.equal(ids(withMoved(LIST, id, before)).indexOf(id), ids(LIST).indexOf(id) + by);
    }
  }
});

test("progress changes the job it is of, and no other", () => {
  const found = withProgress(LIST, [{ id: "at work", fraction: 0.5 }, { id: "unknown", fraction: 1 }]);
  assert.equal(found[0].fraction, 0.5);
  assert.deepEqual(found.slice(1), LIST.slice(1));
});

test("a job that stands on two pages is listed once", () => {
  assert.deepEqual(ids(joined([[job("a"), job("b")], [job("b"), job("c")]])), ["a", "b", "c"]);
});

test("a day begins at midnight where the person is, also where a month begins", () => {
  const now = new Date(2026, 2, 1, 9, 30), seconds = (...date) => new Date(...date).getTime() / 1000;
  assert.equal(startOfDay(now), seconds(2026, 2, 1));
  assert.equal(startOfDay(now, 1), seconds(2026, 1, 28));
});

test("each state has its words", () => {
  assert.deepEqual(stateWords(job("a", "queued", { ahead: 3 }), "open"), ["Waiting, {n} ahead", { n: 3 }]);
  assert.equal(stateWords(job("a", "queued", { paused: true }), "open")[0], "Paused");
  assert.equal(stateWords(job("a"), "draining")[0], "Waiting, the queue is paused");
  assert.deepEqual(stateWords(job("a", "running", { fraction: 0.256 }), "open"), ["{percent} %", { percent: 26 }]);
  assert.equal(stateWords(job("a", "interrupted"), "open")[0], "Cancelled");
  assert.deepEqual(stateWords(job("a", "interrupted", { made: 2, asked: 5 }), "open")[1], { n: 2, total: 5 });
});
