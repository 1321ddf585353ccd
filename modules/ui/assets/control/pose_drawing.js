// A pose as shapes over a picture: what can be taken hold of, in the colours of the map that the server draws of it.
import { FINGERS, LIMBS, bounds, centre, partsOf } from "./pose.js";

const SVG = "http://www.w3.org/2000/svg";
const LIMB_WIDTH = 4, JOINT = 4, FACE = 3;      // pixels of the map
const BODY_POINTS = 18;
export const SHOWN = { joint: 5, corner: 7, turn: 26 };      // pixels of the page, whatever the zoom

function shape(kind, attributes) {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const hue = (share) => (lightness) => `hsl(${share * 360} 100% ${lightness}%)`;

/** The shapes of all people. chosen: { person, part, place }, of which any may be missing; pixel: one of the page in
 * pixels of the canvas.
 */
export function poseShapes(people, chosen, pixel) {
  return people.flatMap((person, number) => [
    ...bodyShapes(person.body, number === chosen.person, pixel),
    ...["left", "right"].flatMap((side) => handShapes(person[side], pixel)),
    ...(person.face ?? []).filter(([, , seen]) => seen).map(([cx, cy]) =>
      shape("circle", { cx, cy, r: Math.max(FACE, 2 * pixel), class: "pose-face" })),
    ...(number === chosen.person ? frameShapes(person, chosen, pixel) : []),
  ]);
}

function bodyShapes(body, isChosen, pixel) {
  const limbs = LIMBS.map(([from, to], at) => limb(body[from], body[to], hue(at / BODY_POINTS)(30)));
  const joints = body.map(([cx, cy, seen], at) => {
    if (!seen && !isChosen) return null;
    const colour = hue(at / BODY_POINTS);
    const look = seen ? { fill: colour(50) } : { class: "pose-hidden", stroke: colour(60) };
    return shape("circle", { cx, cy, r: Math.max(JOINT, SHOWN.joint * pixel), "stroke-width": 1.5 * pixel, ...look });
  });
  return [...limbs, ...joints].filter(Boolean);
}

function limb([x, y, seen], [toX, toY, toSeen], fill) {
  if (!seen || !toSeen) return null;
  const [cx, cy] = [(x + toX) / 2, (y + toY) / 2], angle = (Math.atan2(toY - y, toX - x) * 180) / Math.PI;
  return shape("ellipse", {
    cx, cy, rx: Math.hypot(toX - x, toY - y) / 2, ry: LIMB_WIDTH, fill, transform: `rotate(${angle} ${cx} ${cy})`,
  });
}

function handShapes(points, pixel) {
  if (!points) return [];
  const lines = FINGERS.map(([from, to], at) => {
    const [[x1, y1, seen], [x2, y2, toSeen]] = [points[from], points[to]];
    return seen && toSeen
      ? shape("line", { x1, y1, x2, y2, stroke: hue(at / FINGERS.length)(50), "stroke-width": 2 }) : null;
  });
  const dots = points.filter(([, , seen]) => seen).map(([cx, cy]) =>
    shape("circle", { cx, cy, r: Math.max(2, 3 * pixel), class: "pose-hand" }));
  return [...lines, ...dots].filter(Boolean);
}

/** The box of the chosen person with its corners and what turns it, and a ring around the chosen point. */
function frameShapes(person, { part, place }, pixel) {
  const { left, top, right, bottom } = frameOf(person, pixel), [x, y] = handleOf(person, pixel);
  const corners = cornersOf(person, pixel).map(([cx, cy]) =>
    shape("circle", { cx, cy, r: SHOWN.corner * pixel, class: "pose-corner", "stroke-width": 2 * pixel }));
  const point = part && person[part]?.[place];
  return [
    shape("rect", {
      x: left, y: top, width: right - left, height: bottom - top, class: "pose-frame", "stroke-width": 1.5 * pixel,
      "stroke-dasharray": `${5 * pixel} ${4 * pixel}`,
    }),
    shape("line", { x1: x, y1: y, x2: x, y2: top, class: "pose-frame", "stroke-width": 1.5 * pixel }),
    shape("circle", { cx: x, cy: y, r: SHOWN.corner * pixel, class: "pose-corner", "stroke-width": 2 * pixel }),
    ...corners,
    ...(point ? [shape("circle", {
      cx: point[0], cy: point[1], r: (SHOWN.joint + 4) * pixel, class: "pose-chosen", "stroke-width": 2 * pixel,
    })] : []),
  ];
}

/** The frame around a person, a little larger than they are. */
export function frameOf(person, pixel) {
  const { left, top, right, bottom } = bounds(person), room = 14 * pixel;
  return { left: left - room, top: top - room, right: right + room, bottom: bottom + room };
}

export function cornersOf(person, pixel) {
  const { left, top, right, bottom } = frameOf(person, pixel);
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

/** Where a person is taken hold of to be turned. */
export function handleOf(person, pixel) {
  const frame = frameOf(person, pixel);
  return [centre(frame)[0], frame.top - SHOWN.turn * pixel];
}

/** What lies at a place of the canvas: { person, grip } with grip "turn", a corner's number or "whole", or
 * { person, part, place } for a point; null is nothing. reach: pixels of the canvas; those of the chosen come first.
 */
export function hitOf(people, chosen, [x, y], { reach, pixel }) {
  const near = ([px, py]) => Math.hypot(px - x, py - y);
  const first = people.map((_, number) => number).reverse();
  if (chosen in people) first.unshift(chosen);
  if (chosen in people) {
    if (near(handleOf(people[chosen], pixel)) <= reach) return { person: chosen, grip: "turn" };
    const corner = cornersOf(people[chosen], pixel).findIndex((place) => near(place) <= reach);
    if (corner >= 0) return { person: chosen, grip: corner };
  }
  for (const person of first) {
    const points = partsOf(people[person]).flatMap((part) => people[person][part].map((point, place) => ({
      person, part, place, far: point[2] || (person === chosen && part === "body") ? near(point) : Infinity,
    })));
    const { far, ...found } = points.reduce((best, each) => (each.far < best.far ? each : best));
    if (far <= reach) return found;
  }
  const inside = first.find((person) => {
    const { left, top, right, bottom } = frameOf(people[person], pixel);
    return x >= left && x <= right && y >= top && y <= bottom;
  });
  return inside === undefined ? null : { person: inside, grip: "whole" };
}
