// The sound that tells of a job's end, where the server has one.
import { server } from "../core/server.js";

let volume = null;      // from 0 to 1; null: there is none, or none is wanted

/** state: the server's newest */
export function tune(state) {
  volume = state.sound ?? null;
}

/** Plays it once. A browser may refuse until somebody has clicked on the page; then it stays silent. */
export function ring() {
  if (!volume) return;
  const sound = new Audio(server.sound);
  sound.volume = volume;
  sound.play().catch(() => {});
}
