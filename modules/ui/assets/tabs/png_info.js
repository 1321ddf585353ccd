// The PNG Info tab, whose scripts come once it is drawn or something is to be read there.
import { byId, openTab, pause } from "../core/dom.js";

const page = () => import("./png_info_page.js");

export const pngInfo = { take, startListening };

async function take(files) { (await page()).take(files); }

/** Other parts of the page ask for the editor by the event "easel-edit-data". */
function startListening() {
  document.addEventListener("easel-edit-data", async ({ detail }) => {
    openTab("PNG Info");
    for (let i = 0; i < 200 && !byId("pnginfo_image"); i++) await pause(30);
    document.querySelector("dialog.lightbox[open]")?.close();
    (await page()).edit(detail);
  });
}
