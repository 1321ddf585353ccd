// Pictures from one tab to another, with what made them.
import { byId, pause, t } from "./dom.js";
import { pasteInfotext } from "./infotext.js";
import { notice } from "./notices.js";
import { panels } from "./panels.js";

/** Show a tab by its A1111 name and wait until its panel is there. */
export async function shown(tab) {
  const opened = [...document.querySelectorAll("#tabs button[role=tab]")].find((button) => button.textContent.trim() === tab);
  opened?.click();
  for (let i = 0; i < 200 && !panels.has(tab); i++) await pause(30);
  await panels.get(tab)?.form.settled();
  return panels.get(tab);
}

/** picture: {url, infotext}; kind: the editor it goes into. */
export async function sendToImg2img(picture, kind) {
  try {
    const file = await (await fetch(picture.url)).blob();
    const panel = await shown("img2img");
    if (picture.infotext) await pasteInfotext(picture.infotext, panel.form);
    await panel.receive(file, kind);
    byId("img2img_settings").scrollIntoView({ behavior: "smooth", block: "nearest" });
  } catch {
    notice("send", t("The picture could not be sent there."));
  }
}
