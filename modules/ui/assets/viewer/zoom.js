// Where a picture lies in a window: sizes are { width, height }, a view is { scale, x, y } in the window's pixels, with
// the picture's middle x, y away from the window's.

const MOST = 32;      // window pixels a picture's pixel

/** How large a pixel is when the picture just fits. */
export const fitting = (picture, room) => Math.min(room.width / picture.width, room.height / picture.height);

export const fitted = (picture, room) => ({ scale: fitting(picture, room), x: 0, y: 0 });

export const isFitted = (view, picture, room) => view.scale <= fitting(picture, room) * 1.001;

/** The same view, with nothing of the picture further inside than it need be. */
export function held({ scale, x, y }, picture, room) {
  const spare = (side) => Math.max(0, (picture[side] * scale - room[side]) / 2);
  const within = (value, most) => most && Math.max(-most, Math.min(most, value));
  return { scale, x: within(x, spare("width")), y: within(y, spare("height")) };
}

/** Larger by `factor`, with what is at `point` (from the window's middle) staying there. */
export function zoomed(view, factor, point, picture, room) {
  const smallest = Math.min(fitting(picture, room), 1);
  const scale = Math.max(smallest, Math.min(MOST, view.scale * factor));
  const by = scale / view.scale;
  return held({ scale, x: point.x - (point.x - view.x) * by, y: point.y - (point.y - view.y) * by }, picture, room);
}

export const moved = (view, by, picture, room) => held({ ...view, x: view.x + by.x, y: view.y + by.y }, picture, room);
