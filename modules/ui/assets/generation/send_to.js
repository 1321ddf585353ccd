// Pictures from one tab to another, with what made them.
import { bringIntoView, byId, facts, openTab, pause, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { server } from "../core/server.js";
import { pasteInfotext, usualQuick } from "./paste.js";
import { tabs } from "./tabs.js";

/** Show a tab by its title and wait until it is started. */
export async function shown(title, name = title) {
  openTab(title);
  for (let i = 0; i < 200 && !tabs.has(name); i++) await pause(30);
  return tabs.get(name);
}

/** Generation data into the form that draws from words alone. */
export async function sendToTxt2img(infotext, source) {
  const tab = await shown("txt2img");
  await pasteInfotext(infotext, tab.form, source);
}

/** picture: {url, infotext}; kind: the editor it goes into. */
export async function sendToImg2img(picture, kind) {
  try {
    const file = await (await fetch(picture.url)).blob();
    const tab = await shown("img2img");
    const sized = Boolean(picture.infotext) && await pasteInfotext(picture.infotext, tab.form);
    await tab.receive(file, kind, sized);
    bringIntoView(byId("img2img_input"));
  } catch {
    notice("send", t("The picture could not be sent there."));
  }
}

/** The picture and the mask that a job started from into its tab; returns whether the picture is still kept. */
export async function receiveInputs(tab, job, { mask = null } = {}) {
  const [picture, cover] = await Promise.all([0, mask].map((place) => place === null ? null : inputFile(job, place)));
  if (!picture) return false;
  if (tab.receive) await tab.receive(picture, cover ? "upload" : "image", true, cover);
  else tab.take?.([picture]);
  return true;
}

async function inputFile(job, place) {
  const reply = await fetch(server.queuedInput(job, place));
  return reply.ok ? new File([await reply.blob()], "picture.png", { type: "image/png" }) : null;
}

/** picture: {url, infotext}; data that tell of postprocessing fill the form as well. */
export async function sendToExtras(picture) {
  try {
    const file = await (await fetch(picture.url)).blob();
    const tab = await shown(t("Extras"), "extras");
    tab.take([new File([file], "picture.png", { type: file.type })]);
    if (TELLS_OF_EXTRAS.test(picture.infotext ?? "")) await pasteInfotext(picture.infotext, tab.form);
  } catch {
    notice("send", t("The picture could not be sent there."));
  }
}

/**
 * For extensions' buttons: a text, a picture, or what the tab `from` shows, into "txt2img", "img2img", "inpaint" or
 * "extras". names: what the values are, "text" and "picture"
 */
export function sendTo(tab, names, from, values) {
  const { text = "", picture = null } = Object.fromEntries(names.map((name, i) => [name, values[i]]));
  const shown = from ? tabs.get(from)?.results.picture : null;
  const sent = { url: addressIn(picture) ?? shown?.url, infotext: text || shown?.infotext || "" };
  if (tab === "txt2img") return sendToTxt2img(sent.infotext);
  if (!sent.url) return notice("send", t("There is no picture to send."));
  return tab === "extras" ? sendToExtras(sent) : sendToImg2img(sent, tab === "inpaint" ? "mask" : "image");
}

/** The address of a picture of gradio's, or of a gallery's first. */
const addressIn = (value) => {
  const one = Array.isArray(value) ? value[0] : value;
  return one?.image?.url ?? one?.url ?? (typeof one === "string" ? one : undefined);
};

/** picture: {url}; into a ControlNet unit of the tab that shows it, where that has any. */
export async function sendToControl(picture, owner) {
  try {
    const file = await (await fetch(picture.url)).blob();
    const tab = owner?.control ? owner : await shown("txt2img");
    await tab.control.receive(new File([file], "picture.png", { type: file.type }));
  } catch {
    notice("send", t("The picture could not be sent there."));
  }
}

const TELLS_OF_EXTRAS = /(Postprocess upscaler|(GFPGAN|CodeFormer) visibility): /;

/** The picture anew and larger, beside itself, by the form's hires fix: all else is the picture's own. */
export async function enlarge(picture, tab) {
  try {
    await tab.add({
      ...own(await server.readInfotext(picture.infotext, tab.tab)),
      enable_hr: true,
      n_iter: 1,
      batch_size: 1,
      styles: [],
      script_name: "",
    }, placeOf(picture));
  } catch (error) {
    notice("send", error.reply?.message ?? t("The server did not answer. Please try again."));
  }
}

/** Where a picture that a tab shows stands; of what was returned with one, its place. null: it is not a tab's. */
export const placeOf = ({ job, index }) => (index === undefined ? null : { job, index: Number.parseInt(index, 10) });

/** Fields, settings and checkpoint that made a picture, without those of a second pass. */
export function own({ fields, settings, checkpoint }) {
  const first = Object.entries(fields).filter(([name]) => !name.startsWith("hr_") && name !== "denoising_strength");
  const [quick, others] = [true, false].map((is) =>
    Object.entries(settings).filter(([name]) => facts.quick.includes(name) === is),
  );
  const model = checkpoint ? { sd_model_checkpoint: checkpoint } : {};
  return {
    ...usualQuick(),
    ...Object.fromEntries(first),
    override_settings: Object.fromEntries(others),
    ...Object.fromEntries(quick),
    ...model,
  };
}
