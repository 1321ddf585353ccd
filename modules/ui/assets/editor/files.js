// Files become pictures, or a sentence that says why not.
import { h, t } from "../core/dom.js";

export const LIMIT = 8192;      // pixels a side; browsers draw nothing much larger

export async function fetched(url) {
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok) throw new Error(t("The picture could not be fetched from {url}.", { url }));
  return answer.blob();
}

/**
 * An <img> of a file, upright as its EXIF data says. Throws, in words, if the file is no picture or too large a one.
 */
export async function decoded(file) {
  const picture = h("img.editor-picture", { alt: t("Picture"), draggable: false, src: URL.createObjectURL(file) });
  try {
    await loaded(picture, file);
    fits(picture, file);
    return picture;
  } catch (error) {
    discard(picture);
    throw error;
  }
}

/** A picture of that size with so much of its sides, as a canvas: upright, its transparency kept. */
export function reduced(picture, { width, height }, share) {
  const canvas = new OffscreenCanvas(Math.ceil(width * share), Math.ceil(height * share));
  const paint = canvas.getContext("2d");
  paint.imageSmoothingQuality = "high";
  paint.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

export const discard = (picture) => URL.revokeObjectURL(picture.src);

async function loaded(picture, file) {
  const shown = new Promise((done, failed) => Object.assign(picture, { onload: done, onerror: failed }));
  const drawn = file.type === "image/svg+xml";      // has no pixels of its own
  if (drawn || !await shown.then(() => true, () => false)) {
    throw new Error(
      t("{name} is not a picture that can be edited here. Use a PNG, JPEG or WebP file.", { name: nameOf(file) }),
    );
  }
}

function fits({ naturalWidth: width, naturalHeight: height }, file) {
  if (Math.max(width, height) <= LIMIT) return;
  throw new Error(
    t(
      "{name} is too large: {width} × {height}, where at most {limit} pixels a side are possible. Make it smaller first.",
      { name: nameOf(file), width, height, limit: LIMIT },
    ),
  );
}

const nameOf = (file) => file.name || t("This file");
