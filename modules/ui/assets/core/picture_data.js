// The server's /easel/v1/data endpoints. A picture is named by a reference: job:…/0, library:12 or upload:….
import { iconButton, t } from "./dom.js";
import { addressOf, ask, query } from "./server.js";

export const pictureData = {
  upload: async (file) => (await ask("data/files", "POST", new Blob([file]))).picture,
  file: (picture, name = "") => addressOf(`data/file?${query({ picture, name })}`),
  zip: addressOf("data/zip"),                          // POST { pictures: [{ picture, name }] }
  read: (picture) => ask(`data?${query({ picture })}`),
  text: (parts) => ask("data/text", "POST", parts),
  preview: (pictures, edit) => ask("data/preview", "POST", { pictures, edit }),
  save: (pictures, edit, more = {}) => ask("data/save", "POST", { pictures, edit, ...more }),
  undo: (pictures) => ask("data/undo", "POST", { pictures }),
  emptyHistory: (pictures) => ask("data/history/empty", "POST", { pictures }),
  compare: (pictures) => ask("data/compare", "POST", { pictures }),
  repair: (pictures) => ask("data/repair", "POST", { pictures }),
};

export const MOST_COMPARED = 20;      // pictures whose data stand side by side

/** Show the data of pictures, to be edited or side by side: [{ picture, name, url }]. The tab that does so listens. */
export const openEditor = (pictures, compared = false) =>
  document.dispatchEvent(new CustomEvent("easel-edit-data", { detail: { pictures, compared } }));

export const editButton = (pictures) => iconButton("pencil", t("Edit the data"), () => openEditor(pictures));

/** Was the picture sent from this browser? Then there is no file to save into, only one to download. */
export const isUpload = (picture) => picture.startsWith("upload:");
