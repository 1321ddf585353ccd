// Whether the drawer beside the results is wanted: what the browser remembers, else what the window has room for.
import { browser } from "../core/storage.js";

const DOCKED = "(min-width: 1280px)", USUALLY = "(min-width: 1700px)";      // beside the page; open at first
const KEY = "drawer";      // under which the browser remembers whether it is open

export const roomBeside = matchMedia(DOCKED);

/** Has somebody opened or closed it? */
export const isDecided = () => browser.get(KEY) !== null;

export const isWanted = () => browser.get(KEY) ?? matchMedia(USUALLY).matches;

export const want = (open) => browser.set(KEY, open);
