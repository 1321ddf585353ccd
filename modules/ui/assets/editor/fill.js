// Flood fill, span by span.
import { canvas } from "./layer.js";

const FILLED = 1;
const EDGE = 2;      // bounds the area; painted too, or the smooth edge of a stroke would leave a pale seam

/** Mark what is connected to pixel (x, y) and differs from it by at most `tolerance` in each of red, green and blue.
 *
 * `image` is an ImageData. Returns width × height bytes, 0 where nothing is to be filled.
 */
export function flooded(image, x, y, tolerance) {
  const { data, width, height } = image;
  const pixels = new Uint32Array(data.buffer);
  const seed = pixels[y * width + x];
  const [red, green, blue] = bytes(seed);
  const like = (level, other) => Math.abs(level - other) <= tolerance;
  const near = (at) => like(data[at], red) && like(data[at + 1], green) && like(data[at + 2], blue);
  const marks = new Uint8Array(width * height);
  const enter = (at) => {
    if (marks[at]) return false;
    if (pixels[at] === seed || near(4 * at)) return true;
    marks[at] = EDGE;
    return false;
  };
  const waiting = [y * width + x];
  while (waiting.length) {
    const at = waiting.pop();
    if (marks[at] === FILLED) continue;
    const row = at - (at % width);
    let [left, right] = [at, at];
    while (left > row && enter(left - 1)) left--;
    while (right < row + width - 1 && enter(right + 1)) right++;
    marks.fill(FILLED, left, right + 1);
    for (const beside of [row - width, row + width]) {
      if (beside >= 0 && beside < marks.length)
        waiting.push(...starts(left - row + beside, right - row + beside, enter));
    }
  }
  return marks;
}

const bytes = (pixel) => new Uint8Array(Uint32Array.of(pixel).buffer);

/** First pixels of the runs between two pixels of a row that may be entered. */
function starts(left, right, enter) {
  const found = [];
  let inside = false;
  for (let at = left; at <= right; at++) {
    const may = enter(at);
    if (may && !inside) found.push(at);
    inside = may;
  }
  return found;
}

/** The patch that paints `ink` ("#rrggbb") on a layer wherever `marks` says so. */
export function filling(layer, marks, ink, opacity) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(ink.slice(at, at + 2), 16));
  const [pixel] = new Uint32Array(Uint8Array.of(red, green, blue, Math.round(255 * opacity)).buffer);
  const patch = new Map();
  for (const key of layer.under(0, 0, layer.width, layer.height)) {
    const paint = painted(marks, layer.width, layer.place(key), pixel);
    if (!paint) continue;
    const before = layer.tiles.get(key) ?? null;
    const after = layer.fresh(key, before);
    after.drawImage(paint, 0, 0);
    patch.set(key, { before, after: after.canvas });
  }
  return patch;
}

/** The marked pixels of one tile in a colour; null if there are none. */
function painted(marks, stride, { x, y, width, height }, pixel) {
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  let any = false;
  for (let row = 0; row < height; row++) {
    const start = (y + row) * stride + x;
    for (let column = 0; column < width; column++) {
      if (!marks[start + column]) continue;
      pixels[row * width + column] = pixel;
      any = true;
    }
  }
  if (!any) return null;
  const tile = canvas(width, height);
  tile.getContext("2d").putImageData(image, 0, 0);
  return tile;
}
