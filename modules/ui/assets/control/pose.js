// Poses as values: openpose's JSON read and written, and what can be done with a person. No page here.
//
// A pose is { people, width, height }. A person has parts by name: body, left, right and face, each its points
// [x, y, seen] in pixels of the canvas, or null where the person has no such part.

const HAND = 21;
export const PARTS = {
  body: { key: "pose_keypoints_2d", count: 18 },
  left: { key: "hand_left_keypoints_2d", count: HAND },
  right: { key: "hand_right_keypoints_2d", count: HAND },
  face: { key: "face_keypoints_2d", count: 70 },
};
export const LIMBS = [
  [1, 2], [1, 5], [2, 3], [3, 4], [5, 6], [6, 7], [1, 8], [8, 9], [9, 10], [1, 11], [11, 12], [12, 13], [1, 0],
  [0, 14], [14, 16], [0, 15], [15, 17],
];
export const FINGERS = Array.from({ length: HAND - 1 }, (_, point) => [point % 4 ? point : 0, point + 1]);
export const JOINTS = [
  "Nose", "Neck", "Right shoulder", "Right elbow", "Right wrist", "Left shoulder", "Left elbow", "Left wrist",
  "Right hip", "Right knee", "Right ankle", "Left hip", "Left knee", "Left ankle", "Right eye", "Left eye",
  "Right ear", "Left ear",
];
const WRISTS = { left: [7, 6], right: [4, 3] };      // of the body's points: the wrist and the elbow before it
const CARRIES = { 0: "face", 4: "right", 7: "left" };      // a part that goes with a point of the body
const TWINS = [[2, 5], [3, 6], [4, 7], [8, 11], [9, 12], [10, 13], [14, 15], [16, 17]];

// somebody who stands with arms held out a little, in shares of their height, from the middle of the hips
const STANDING = [
  [0, -0.44], [0, -0.33], [-0.1, -0.33], [-0.17, -0.19], [-0.22, -0.05], [0.1, -0.33], [0.17, -0.19], [0.22, -0.05],
  [-0.06, 0], [-0.07, 0.22], [-0.07, 0.45], [0.06, 0], [0.07, 0.22], [0.07, 0.45], [-0.02, -0.46], [0.02, -0.46],
  [-0.045, -0.45], [0.045, -0.45],
];
const HEIGHT = 0.82;      // of somebody new, in shares of the canvas

const dot = ([x, y]) => [x, y, 1];

/** Somebody new in the middle of a canvas, not quite where the others are. */
export function standing(width, height, others = 0) {
  const size = HEIGHT * Math.min(height, width * 1.6);
  const aside = ((others + 1) >> 1) * (others % 2 ? 0.15 : -0.15) * width;
  const body = STANDING.map(([x, y]) => dot([width / 2 + aside + x * size, height / 2 + y * size]));
  return { body, left: null, right: null, face: null };
}

// JSON -----------------------------------------------------------------------------------------------------

/** A pose of openpose's JSON, or of a list of them the first; canvas: what it is drawn on if it does not say. */
export function readPose(json, canvas) {
  const told = Array.isArray(json) ? json[0] : json;
  if (!Array.isArray(told?.people)) throw new Error("people");
  const width = Number(told.canvas_width) || canvas.width, height = Number(told.canvas_height) || canvas.height;
  return { people: told.people.map((person) => readPerson(person, width, height)), width, height };
}

function readPerson(told, width, height) {
  const person = {};
  for (const [name, { key, count }] of Object.entries(PARTS)) person[name] = readPart(told[key], count, width, height);
  person.body ??= standing(width, height).body.map(([x, y]) => [x, y, 0]);
  return { ...person, body: placed(person.body) };
}

function readPart(numbers, count, width, height) {
  if (!numbers?.length) return null;
  if (numbers.length !== 3 * count) throw new Error("points");
  const points = Array.from({ length: count }, (_, place) => numbers.slice(3 * place, 3 * place + 3).map(Number));
  const seen = points.filter(([, , sure]) => sure >= 1);
  const shares = seen.length && seen.every(([x, y]) => x >= 0 && x <= 1 && y >= 0 && y <= 1);
  return points.map(([x, y, sure]) => [x * (shares ? width : 1), y * (shares ? height : 1), sure >= 1 ? 1 : 0]);
}

/** Points of the body that are nowhere stand where somebody standing there would have them; they stay unseen. */
function placed(body) {
  const seen = body.map(([, , is], place) => (is ? place : -1)).filter((place) => place >= 0);
  if (!seen.length || seen.length === body.length) return body;
  const height = extent(seen.map((place) => body[place])) / extent(seen.map((place) => STANDING[place]));
  const size = Number.isFinite(height) && height > 0 ? height : 100;
  const middle = (axis) => seen.reduce((sum, at) => sum + body[at][axis] - STANDING[at][axis] * size, 0) / seen.length;
  const [left, top] = [middle(0), middle(1)];
  return body.map(([x, y, is], place) =>
    is || x || y ? [x, y, is] : [left + STANDING[place][0] * size, top + STANDING[place][1] * size, 0]);
}

const extent = (points) => {
  const { left, top, right, bottom } = boxOf(points);
  return Math.hypot(right - left, bottom - top);
};

/** openpose's JSON of a pose; an unseen point keeps its place, at confidence 0. */
export function poseJson({ people, width, height }) {
  const round = (value) => Math.round(value * 100) / 100;
  const told = people.map((person) =>
    Object.fromEntries(Object.entries(PARTS)
      .filter(([name]) => person[name])
      .map(([name, { key }]) => [key, person[name].flatMap(([x, y, seen]) => [round(x), round(y), seen])])));
  return { people: told, canvas_width: width, canvas_height: height };
}

// Persons --------------------------------------------------------------------------------------------------

export const partsOf = (person) => Object.keys(PARTS).filter((name) => person[name]);

/** Every point of a person through `move`. */
export function mapped(person, move) {
  const points = (part) => part && part.map(([x, y, seen]) => [...move(x, y), seen]);
  return Object.fromEntries(Object.keys(PARTS).map((name) => [name, points(person[name])]));
}

/** One point changed: `to` is [x, y, seen], of which the last may be left out. */
export function withPoint(person, part, place, [x, y, seen = person[part][place][2]]) {
  return { ...person, [part]: person[part].with(place, [x, y, seen]) };
}

/** A wrist moved takes its hand along, a nose the face. */
export function withJoint(person, part, place, to) {
  const [x, y] = person[part][place], [dx, dy] = [to[0] - x, to[1] - y];
  const along = part === "body" && (CARRIES[place] ?? null);
  const changed = withPoint(person, part, place, to);
  if (!along || !person[along]) return changed;
  return { ...changed, [along]: person[along].map(([ax, ay, seen]) => [ax + dx, ay + dy, seen]) };
}

export const boxOf = (points) => {
  const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
};

/** The box around what is seen of a person; around everything if nothing is. */
export function bounds(person) {
  const all = partsOf(person).flatMap((name) => person[name]), seen = all.filter(([, , is]) => is);
  return boxOf(seen.length ? seen : all);
}

export const centre = ({ left, top, right, bottom }) => [(left + right) / 2, (top + bottom) / 2];

/** Scaled about a point and turned about it, by an angle in radians. */
export function turned(person, [ax, ay], factor, angle) {
  const cosine = factor * Math.cos(angle), sine = factor * Math.sin(angle);
  return mapped(person, (x, y) => [
    ax + (x - ax) * cosine - (y - ay) * sine, ay + (x - ax) * sine + (y - ay) * cosine,
  ]);
}

/** As in a mirror: left is right. */
export function flipped(person) {
  const [middle] = centre(bounds(person));
  const mirrored = mapped(person, (x, y) => [2 * middle - x, y]);
  const body = [...mirrored.body];
  for (const [one, other] of TWINS) [body[one], body[other]] = [body[other], body[one]];
  return { ...mirrored, body, left: mirrored.right, right: mirrored.left };
}

/** How tall a person is by the bones that are there, in pixels. */
function tallness({ body }) {
  const bones = [[0, 1], [1, 8], [1, 11], [2, 3], [5, 6], [8, 9], [11, 12]];
  const length = (points, [one, other]) =>
    Math.hypot(points[one][0] - points[other][0], points[one][1] - points[other][1]);
  const shares = bones.map((bone) => length(body, bone) / length(STANDING, bone)).sort((one, other) => one - other);
  return shares[shares.length >> 1];
}

/** The person with open hands at the wrists. */
export function withHands(person) {
  const size = 0.11 * tallness(person);
  const hand = (side) => {
    const [[x, y], [ex, ey]] = WRISTS[side].map((place) => person.body[place]);
    const ahead = Math.atan2(y - ey, x - ex), across = side === "left" ? -1 : 1;
    const finger = (point) => {
      const [which, joint] = [Math.floor((point - 1) / 4), ((point - 1) % 4) + 1];
      const angle = ahead + across * (1 - which * 0.45), reach = size * (which ? 0.45 + 0.18 * joint : 0.22 * joint);
      return dot([x + Math.cos(angle) * reach, y + Math.sin(angle) * reach]);
    };
    return Array.from({ length: HAND }, (_, point) => (point ? finger(point) : dot([x, y])));
  };
  return { ...person, left: hand("left"), right: hand("right") };
}

/** The person with a face at the nose: jaw, brows, nose, eyes, mouth and pupils. */
export function withFace(person) {
  const size = 0.065 * tallness(person), [x, y] = person.body[0];
  const arc = (count, cx, cy, rx, ry, from, to) => Array.from({ length: count }, (_, at) => {
    const angle = Math.PI * (from + ((to - from) * at) / Math.max(1, count - 1));
    return dot([x + size * (cx + rx * Math.cos(angle)), y + size * (cy + ry * Math.sin(angle))]);
  });
  const face = [
    ...arc(17, 0, -0.1, 1, 1.25, 1, 0),
    ...arc(5, -0.45, -0.55, 0.3, 0.15, 1, 2), ...arc(5, 0.45, -0.55, 0.3, 0.15, 1, 2),
    ...arc(4, 0, -0.2, 0, 0.25, -0.5, 0.5), ...arc(5, 0, 0.1, 0.2, 0.08, 1, 0),
    ...arc(6, -0.42, -0.35, 0.18, 0.09, 1, 2.67), ...arc(6, 0.42, -0.35, 0.18, 0.09, 1, 2.67),
    ...arc(12, 0, 0.5, 0.4, 0.2, 1, 2.83), ...arc(8, 0, 0.5, 0.28, 0.08, 1, 2.75),
    ...arc(1, -0.42, -0.35, 0, 0, 0, 0), ...arc(1, 0.42, -0.35, 0, 0, 0, 0),
  ];
  return { ...person, face };
}

/** A value with its former ones: `put` is a step that `undo` takes back. */
export class Steps {
  constructor(value) { Object.assign(this, { value, before: [], after: [] }); }

  put(value) {
    this.before.push(this.value);
    Object.assign(this, { value, after: [] });
  }

  undo() {
    if (!this.before.length) return;
    this.after.push(this.value);
    this.value = this.before.pop();
  }

  redo() {
    if (!this.after.length) return;
    this.before.push(this.value);
    this.value = this.after.pop();
  }
}
