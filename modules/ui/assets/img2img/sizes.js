// Sizes of pictures: in steps of 8, within the sliders' ends, in a picture's proportions.
const STEP = 8;

/**
 * The size nearest to a picture's, scaled, that the sliders can say; the proportions count more than the number of
 * pixels.
 */
function fitted({ width, height }, scale, { smallest, largest }) {
  const within = Math.min(Math.max(scale, smallest / Math.min(width, height)), largest / Math.max(width, height));
  const side = (length) => Math.min(largest, Math.max(smallest, Math.round((length * within) / STEP) * STEP));
  return { width: side(width), height: side(height) };
}

/** A picture's own size, or the largest of its shape. */
export const capped = (picture, ends) => fitted(picture, 1, ends);

/** A picture's shape with about so many pixels. */
export const likeModel = (picture, pixels, ends) =>
  fitted(picture, Math.sqrt(pixels / (picture.width * picture.height)), ends);
