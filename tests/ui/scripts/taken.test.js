import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

openPage();
const { inMinutes, memoryLine } = await import("../assets/generation/taken.js");

const GB = 1024 ** 3;

test("a job's time is told in seconds, and in minutes from the first on", () => {
  assert.equal(inMinutes(1.234), "1.2 sec.");
  assert.equal(inMinutes(75), "1 min. 15.0 sec.");
});

test("memory is told as A1111 tells it, and not at all where the device has no figures", () => {
  const figures = {
    active: { peak: 3 * GB }, reserved: { peak: 4 * GB }, system: { used: 6 * GB, total: 24 * GB },
  };
  assert.equal(memoryLine(figures), "A: 3.0 GB, R: 4.0 GB, Sys: 6.0/24.0 GB (25%)");
  assert.equal(memoryLine({ error: "unavailable" }), "");
  assert.equal(memoryLine(undefined), "");
});
