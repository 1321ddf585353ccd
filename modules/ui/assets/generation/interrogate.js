// The picture in img2img's editor put into words, by a model of the user's.
import { byId, t } from "../core/dom.js";
import { notice, noticeToAnswer, unnotice } from "../core/notices.js";
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
    if (!prompt.trim()) return unnotice(NAME);
    noticeToAnswer(NAME, t("The picture's words are the prompt."), t("Back to my prompt"),
      () => tab.form.fill({ prompt }), 8);
  } catch (error) {
    notice(NAME, reasonOf(error), 12);
  } finally {
    button.ariaBusy = "false";
  }
}
