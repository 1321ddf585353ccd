// A plot's cells by number: X counts fastest, the last axis slowest.

export const shapeOf = ({ axes }) => axes.map(({ labels }) => labels.length);

export const volume = (shape) => shape.reduce((all, count) => all * count, 1);

/** The number of the cell at these places on the axes. */
export const numberAt = (places, shape) =>
  places.reduceRight((number, place, axis) => number * shape[axis] + place, 0);

/** The place of a cell on each axis. */
export function placesOf(number, shape) {
  let left = number;
  return shape.map((count) => {
    const place = left % count;
    left = Math.floor(left / count);
    return place;
  });
}
