// The row under a picture: what can be done with it, by name, in A1111's order and with A1111's ids. It is always
// there; without a picture it waits.
import { h, iconButton, t } from "../core/dom.js";
import { saveAs } from "../core/save_as.js";
import { downloadZip, openFolder, saveByHand } from "./keeping.js";
import { enlarge, sendToControl, sendToExtras, sendToImg2img } from "./send_to.js";
import { varyPicture } from "./variants.js";

const download = ({ url }) => saveAs(url, "");

/**
 * name: the word on the button; says: all of it; act(picture, tab); own: only for a job's own pictures, not for a mask
 * that came with one; leaves: it shows another tab; only, not: tabs
 */
const ACTIONS = [
  { icon: "folder", name: "Folder", says: "Open the folder of the pictures", own: true,
    id: (tab) => `${tab}_open_folder`, act: ({ job, index }) => openFolder(job, index) },
  { icon: "floppy", name: "Save", says: "Save a copy on the server", own: true, id: (tab) => `save_${tab}`,
    act: ({ job, index }) => saveByHand(job, index) },
  { icon: "archive", name: "Zip", says: "Download all pictures of the job as a zip", own: true,
    id: (tab) => `save_zip_${tab}`, act: ({ job }) => downloadZip(job) },
  { icon: "download", name: "Download", says: "Download the picture", act: download },
  { icon: "image", name: "img2img", says: "Send to img2img", leaves: true, id: (tab) => `${tab}_send_to_img2img`,
    act: (picture) => sendToImg2img(picture, "image") },
  { icon: "brush", name: "Inpaint", says: "Send to inpaint", leaves: true, id: (tab) => `${tab}_send_to_inpaint`,
    act: (picture) => sendToImg2img(picture, "mask") },
  { icon: "enlarge", name: "Extras", says: "Send to extras", leaves: true, id: (tab) => `${tab}_send_to_extras`,
    act: sendToExtras },
  { icon: "sparkles", name: "Hires fix", says: "Upscale with hires fix", leaves: true, only: "txt2img",
    id: (tab) => `${tab}_upscale`, act: enlarge },
  { icon: "variants", name: "Vary", says: "Vary this", leaves: true, not: "extras", act: varyPicture },
  { icon: "follow", name: "Control", says: "Send to ControlNet", leaves: true, act: sendToControl },
];

const actionsOf = (tab) => ACTIONS.filter(({ only, not }) => (only ?? tab) === tab && not !== tab);

/** Whether a picture, or none, can be acted on. */
const can = ({ own }, picture) =>
  Boolean(picture) && picture.withheld !== "refused" && (!own || Number.isInteger(picture.index));

/** The same as small buttons, for a picture in the whole window; `leave` closes that. */
export const actionTools = (picture, owner, leave) =>
  actionsOf(owner.tab)
    .filter((action) => action.icon !== "download" && can(action, picture))
    .map(({ icon, says, act, leaves }) => iconButton(icon, t(says), () => {
      if (leaves) leave();
      act(picture, owner);
    }));

export class ActionRow {
  /** owner: the tab whose pictures these are */
  constructor(owner) {
    this.picture = null;
    this.buttons = actionsOf(owner.tab).map((action) => [action, this.button(action, owner)]);
    this.element = h("div.action-row.image-buttons", {
      id: `image_buttons_${owner.tab}`, role: "group", "aria-label": t("With this picture"),
    }, this.buttons.map(([, button]) => button));
    this.follow(null);
  }

  button({ icon, name, says, id, act, own }, owner) {
    const button = h(`button.act.${icon}`, {
      type: "button", title: t(says), onclick: () => act(this.picture, owner),
    }, h("span", {}, t(name)));
    if (!own && act !== download) button.ariaLabel = t(says);      // a tab's name alone says too little
    if (id) button.id = id(owner.tab);
    return button;
  }

  /** picture: what the buttons act on from now on; null is none */
  follow(picture) {
    this.picture = picture;
    for (const [action, button] of this.buttons) button.disabled = !can(action, picture);
  }
}
