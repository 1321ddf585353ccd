import assert from "node:assert/strict";
import { test } from "node:test";
import { together } from "../assets/generation/together.js";

const RECORDS = {
  four: { pictures: [0, 1, 2, 3].map((index) => ({ index })) },
  larger: { pictures: [{ index: 0 }, { index: 1 }] },
  varied: { pictures: [{ index: 0 }] },
};
const shown = (jobs) => together(jobs, (id) => RECORDS[id]).map(({ job, index }) => `${job} ${index}`);

test("what was made of a picture stands beside it, and what was made of that beside that", () => {
  const jobs = [
    { id: "four", beside: null },
    { id: "larger", beside: { job: "four", index: 1 } },
    { id: "varied", beside: { job: "larger", index: 0 } },
  ];
  assert.deepEqual(shown(jobs),
    ["four 0", "four 1", "larger 0", "varied 0", "larger 1", "four 2", "four 3"]);
});

test("a job that is not known yet has no pictures, and takes away none", () => {
  const jobs = [{ id: "four", beside: null }, { id: "waiting", beside: { job: "four", index: 3 } }];
  assert.deepEqual(shown(jobs), shown(jobs.slice(0, 1)));
});
