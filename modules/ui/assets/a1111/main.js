// What scripts written for A1111's page need of it. Loaded only where an extension is, before the extensions' scripts.
import { startMenus } from "../core/menus.js";
import { startAccordions } from "./accordions.js";
import { startActions } from "./actions.js";
import { openAll } from "./drawing.js";
import { startGalleries } from "./galleries.js";
import { startGlobals } from "./globals.js";
import { startHints } from "./hints.js";
import { startOptions } from "./options.js";
import { twinPictures } from "./pictures.js";
import { startSelectors } from "./selectors.js";

const GRADIO_VERSION = "3.41.2";      // what such scripts take a newer one for

startSelectors();
startGlobals();
startActions();
startHints();
startAccordions();
startMenus();
startGalleries();
const options = startOptions();

/** Awaited before the moment "loaded": what scripts look for once, there, is drawn, and options are known. */
window.easel.beforeLoaded = async () => {
  await Promise.all([options, openAll()]);
  twinPictures();
  window.gradio_config.version = GRADIO_VERSION;
};
