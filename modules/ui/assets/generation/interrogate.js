// The picture in img2img's editor put into words, by a model of the user's.
import { byId, h, t } from "../core/dom.js";
import { notice, unnotice } from "../core/notices.js";
import { dataUrl, reasonOf, server } from "../core/server.js";

const NAME = "interrogate";

/** The words become the prompt; the one that was there is a click away. */
export async function interrogate(tab) {
  const button = byId("interrogate");
  if (button.ariaBusy === "true") return;
  const drawing = await tab.drawing();
  if (!drawing) return notice(NAME, t("There is no picture yet."));
  button.ariaBusy = "true";
  notice(NAME, t("Putting the picture into words…"), 0);
  try {
    const { caption } = await server.interrogate(await dataUrl(drawing.image));
    const { prompt } = await tab.form.now();
    tab.form.fill({ prompt: caption });
    told(prompt.trim() ? () => tab.form.fill({ prompt }) : null);
  } catch (error) {
    notice(NAME, reasonOf(error), 12);
  } finally {
    button.ariaBusy = "false";
  }
}

function told(back) {
  if (!back) return unnotice(NAME);
  const undo = h("button.notice-act", { type: "button", onclick: () => { unnotice(NAME); back(); } },
    t("Back to my prompt"));
  notice(NAME, [t("The picture's words are the prompt."), " ", undo], 8);
}
