import assert from "node:assert/strict";
import { test } from "node:test";
import { fitted, held, isFitted, moved, zoomed } from "../assets/viewer/zoom.js";

const ROOM = { width: 1000, height: 500 }, WIDE = { width: 2000, height: 250 }, SMALL = { width: 100, height: 100 };

test("a picture fits by its tighter side, in the middle", () => {
  assert.deepEqual(fitted(WIDE, ROOM), { scale: 0.5, x: 0, y: 0 });
  assert.deepEqual(fitted(SMALL, ROOM), { scale: 5, x: 0, y: 0 });
});

test("what is under the pointer stays there while one zooms", () => {
  const before = { scale: 20, x: 0, y: 0 }, point = { x: 130, y: -40 };
  const after = zoomed(before, 1.3, point, SMALL, ROOM);
  const seen = ({ scale, x, y }) => [(point.x - x) / scale, (point.y - y) / scale];
  for (const [at, value] of seen(after).entries()) assert.ok(Math.abs(value - seen(before)[at]) < 1e-9);
  assert.equal(after.scale, 26);
});

test("no zoom is smaller than the whole picture or a pixel a pixel, nor without end", () => {
  assert.equal(zoomed(fitted(WIDE, ROOM), 0.01, { x: 0, y: 0 }, WIDE, ROOM).scale, 0.5);
  assert.equal(zoomed(fitted(SMALL, ROOM), 0.01, { x: 0, y: 0 }, SMALL, ROOM).scale, 1);
  assert.equal(zoomed(fitted(SMALL, ROOM), 1e9, { x: 0, y: 0 }, SMALL, ROOM).scale, 32);
});

test("a picture cannot be dragged out of the window, and one that fits not at all", () => {
  assert.deepEqual(moved(fitted(WIDE, ROOM), { x: 70, y: -70 }, WIDE, ROOM), { scale: 0.5, x: 0, y: 0 });
  assert.deepEqual(moved({ scale: 1, x: 0, y: 0 }, { x: 9000, y: 9 }, WIDE, ROOM), { scale: 1, x: 500, y: 0 });
  assert.deepEqual(held({ scale: 10, x: -9000, y: 9000 }, SMALL, ROOM), { scale: 10, x: 0, y: 250 });
});

test("a view is fitted up to the picture's fit", () => {
  assert.ok(isFitted(fitted(WIDE, ROOM), WIDE, ROOM));
  assert.ok(!isFitted({ scale: 0.6, x: 0, y: 0 }, WIDE, ROOM));
});
