import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FINGERS, JOINTS, LIMBS, PARTS, Steps, bounds, flipped, poseJson, readPose, standing, turned, withFace, withHands,
  withJoint, withPoint,
} from "../assets/control/pose.js";
import { hitOf } from "../assets/control/pose_drawing.js";

const CANVAS = { width: 512, height: 768 };
const person = standing(CANVAS.width, CANVAS.height);
const near = (one, other, by = 1e-6) => one.every((value, axis) => Math.abs(value - other[axis]) < by);

test("a pose that is written is read again as it was, unseen points in their places", () => {
  const hidden = withPoint(withFace(withHands(person)), "body", 4, [10, 20, 0]);
  const json = poseJson({ people: [hidden, person], ...CANVAS });
  assert.deepEqual([json.canvas_width, json.canvas_height, json.people.length], [512, 768, 2]);
  assert.equal(json.people[0].face_keypoints_2d.length, 3 * 70);
  assert.deepEqual(poseJson(readPose(json, CANVAS)), json);
  assert.deepEqual(readPose(json, CANVAS).people[0].body[4], [10, 20, 0]);
  assert.equal(readPose(json, CANVAS).people[1].face, null);
});

test("shares of the canvas become its pixels, and a canvas that is not told is the one given", () => {
  const numbers = PARTS.body.count * 3, shares = Array.from({ length: numbers }, (_, at) => (at % 3 === 2 ? 1 : 0.5));
  const { people: [read], width } = readPose({ people: [{ pose_keypoints_2d: shares }] }, CANVAS);
  assert.deepEqual([read.body[0], width], [[256, 384, 1], 512]);
});

test("points that are nowhere stand where somebody would have them, unseen", () => {
  const json = poseJson({ people: [person], ...CANVAS }), whole = json.people[0].pose_keypoints_2d;
  const lacking = whole.map((value, at) => (at >= 3 * 13 && at < 3 * 14 ? 0 : value));
  const [x, y, seen] = readPose({ people: [{ pose_keypoints_2d: lacking }] }, CANVAS).people[0].body[13];
  assert.ok(!seen && near([x, y], person.body[13], 8));
});

test("what is no pose is refused", () => {
  for (const wrong of [{}, [], { people: [{ pose_keypoints_2d: Array(75).fill(1) }] }])
    assert.throws(() => readPose(wrong, CANVAS));
});

test("somebody flipped twice is as before, and once has left for right", () => {
  const whole = withHands(person), once = flipped(whole), again = flipped(once);
  for (const [place, point] of again.body.entries()) assert.ok(near(point, whole.body[place]));
  assert.ok(once.body[2][0] < once.body[5][0] && whole.body[2][0] < whole.body[5][0]);
  assert.ok(near(once.left[0], once.body[7]) && near(whole.left[0], whole.body[7]));
});

test("a wrist takes its hand along, and no other part", () => {
  const whole = withFace(withHands(person)), [x, y] = whole.body[7];
  const moved = withJoint(whole, "body", 7, [x + 30, y - 10]);
  assert.ok(near([whole.left[20][0] + 30, whole.left[20][1] - 10], moved.left[20]));
  assert.deepEqual([moved.right, moved.face], [whole.right, whole.face]);
});

test("a person turned by a right angle about their middle lies, as long as they stood", () => {
  const box = bounds(person), middle = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const lying = bounds(turned(person, middle, 1, Math.PI / 2));
  assert.ok(Math.abs(lying.right - lying.left - (box.bottom - box.top)) < 1e-6);
  const small = bounds(turned(person, middle, 0.5, 0));
  assert.ok(Math.abs((box.right - box.left) / 2 - (small.right - small.left)) < 1e-6);
});

test("a hand or a face that is given lies at its wrist or nose, within reach", () => {
  const { left, right, face, body } = withFace(withHands(person)), size = CANVAS.height / 4;
  for (const [points, [x, y]] of [[left, body[7]], [right, body[4]], [face, body[0]]])
    for (const [px, py, seen] of points) assert.ok(seen && Math.hypot(px - x, py - y) < size);
  assert.deepEqual([left.length, right.length, face.length], [21, 21, 70]);
});

test("every bone joins two points", () => {
  assert.equal(JOINTS.length, PARTS.body.count);
  for (const [pairs, count] of [[LIMBS, 18], [FINGERS, 21]]) {
    assert.equal(pairs.length, count - 1);
    assert.equal(new Set(pairs.flat()).size, count);
  }
});

test("a press takes the nearest point, then what is inside a frame, else nothing", () => {
  const people = [person, turned(person, [0, 0], 1, 0)], sizes = { reach: 10, pixel: 1 };
  const [x, y] = person.body[0];
  assert.deepEqual(hitOf([person], 0, [x + 2, y], sizes), { person: 0, part: "body", place: 0 });
  assert.equal(hitOf(people, 0, [x + 2, y], sizes).person, 0);
  assert.equal(hitOf(people, undefined, [x + 2, y], sizes).person, 1);
  assert.equal(hitOf([person], undefined, person.body[1].slice(0, 2).map((value) => value + 11), sizes).grip, "whole");
  assert.equal(hitOf([person], 0, [2, 2], sizes), null);
});

test("an unseen point is found only of the person that is chosen", () => {
  const hidden = withPoint(person, "body", 10, [40, 700, 0]), sizes = { reach: 10, pixel: 1 };
  assert.equal(hitOf([hidden], 0, [40, 700], sizes)?.place, 10);
  assert.equal(hitOf([hidden], undefined, [40, 700], sizes), null);
});

test("steps go back and forth, and a new one ends what was taken back", () => {
  const steps = new Steps(1);
  steps.undo();
  steps.put(2);
  steps.put(3);
  steps.undo();
  assert.equal(steps.value, 2);
  steps.redo();
  assert.equal(steps.value, 3);
  steps.undo();
  steps.put(4);
  steps.redo();
  assert.equal(steps.value, 4);
});
