import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

openPage();
const { JobFeed } = await import("../assets/generation/job_feed.js");

const QUICK = { poll: 1, unseen: 1, lost: 1, first: 40, silent: 40 };
const FOREVER = 10 ** 6;

/** A server that answers each question with the next record; null is no answer, 404 that there is no such job. */
function answering(...records) {
  const asked = [];
  globalThis.fetch = async (url) => {
    asked.push(new URL(url).pathname.split("/").at(-1));
    const record = records.length > 1 ? records.shift() : records[0];
    if (record === null) throw new TypeError("no network");
    if (record === 404) return { ok: false, status: 404, text: async () => '{"error": "not_found"}' };
    return { ok: true, status: 200, text: async () => JSON.stringify({ id: "one", state: "running", ...record }) };
  };
  return asked;
}

/** Streams that send, one after another, what they are given: news, "break" or nothing. */
function streaming(...streams) {
  const opened = [];
  globalThis.EventSource = class {
    constructor(url) {
      opened.push(this);
      this.url = url;
      const events = streams.shift() ?? [];
      setTimeout(async () => {
        for (const event of events) {
          if (event === "break") this.onerror();
          else this.onmessage({ data: JSON.stringify(event) });
          await null;
        }
      });
    }

    close() { this.closed = true; }
  };
  return opened;
}

async function followed({ times = {}, isSeen = () => true, during = () => {} } = {}) {
  const taken = [], answered = [];
  const take = (record) => { taken.push(record); during(feed, record); };
  const feed = new JobFeed("one", { take, answers: (well) => answered.push(well), isSeen }, { ...QUICK, ...times });
  await feed.run();
  return { feed, taken, answered, steps: taken.map(({ step }) => step) };
}

test("the server tells of each change, and is asked only once", async () => {
  const asked = answering({ step: 0, params: { prompt: "a fox" } });
  const opened = streaming([{ step: 1, seed: 1 }, { step: 2 }, { state: "done", step: 3 }]);
  const { taken, steps } = await followed({ times: { first: FOREVER, silent: FOREVER } });
  assert.deepEqual([steps, asked, opened.length, opened[0].closed], [[0, 1, 2, 3], ["one"], 1, true]);
  assert.deepEqual(taken.at(-1), { id: "one", state: "done", step: 3, seed: 1, params: { prompt: "a fox" } });
});

test("a stream that breaks off is opened anew once the server has answered again", async () => {
  const asked = answering({ step: 0 }, null, null, { step: 5 });
  const opened = streaming([{ step: 1 }, "break"], [{ state: "done", step: 6 }]);
  const { steps, answered } = await followed();
  assert.deepEqual([steps, asked.length, opened.length, answered], [[0, 1, 5, 6], 4, 2, [true, false, false, true]]);
});

test("where a stream is refused, or held back whole, the server is asked until the end", async () => {
  for (const events of [["break"], []]) {
    answering({ step: 0 }, { step: 1 }, { state: "done", step: 2 });
    const opened = streaming(events, [{ step: 77 }]);
    assert.deepEqual([(await followed()).steps, opened.length], [[0, 1, 2], 1]);
  }
});

test("a stream that falls silent while the job goes on is not trusted again", async () => {
  answering({ step: 0 }, { step: 4 }, { state: "done", step: 5 });
  const opened = streaming([{ step: 1 }], [{ step: 77 }]);
  assert.deepEqual([(await followed()).steps, opened.length], [[0, 1, 4, 5], 1]);
});

test("a stream that is silent because nothing happens stays in use", async () => {
  answering({ step: 0 }, { step: 1 });
  const opened = streaming([{ step: 1 }], [{ state: "done", step: 2 }]);
  assert.deepEqual([(await followed()).steps, opened.length], [[0, 1, 1, 2], 2]);
});

test("nobody who does not look holds a stream open, and it is open again as soon as somebody looks", async () => {
  answering({ step: 0 }, { step: 1 }, { step: 2 });
  const opened = streaming([{ step: 1 }], [{ state: "done", step: 3 }]);
  let seen = true;
  const during = (feed, { step }) => {
    if (step === 1 && seen) { seen = false; setTimeout(() => feed.wake()); }
    if (step === 2) { assert.ok(opened[0].closed && opened.length === 1); seen = true; setTimeout(() => feed.wake()); }
  };
  const { steps } = await followed({ isSeen: () => seen, during, times: { silent: FOREVER } });
  assert.deepEqual([steps.at(-1), opened.length], [3, 2]);
});

test("a browser without streams asks; a job that is gone, or no longer followed, tells nothing more", async () => {
  delete globalThis.EventSource;
  answering({ step: 0 }, { state: "interrupted", step: 1 });
  assert.deepEqual((await followed()).steps, [0, 1]);
  answering({ step: 0 }, 404);
  const { feed } = await followed();
  assert.ok(feed.gone);
  const asked = answering({ step: 0 });
  const stopped = await followed({ during: (each) => each.stop() });
  assert.deepEqual([stopped.steps, asked.length, stopped.feed.gone], [[0], 1, false]);
});
