// What keeps a picture: its folder, a copy of it saved by hand, all of the job as one zip.
import { t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { saveAs } from "../core/save_as.js";
import { reasonOf, server } from "../core/server.js";

/** Tells how it went; what `work` resolves with is said, an error too. */
async function told(work) {
  try {
    notice("save", await work());
  } catch (error) {
    notice("save", reasonOf(error));
  }
}

/** Copies the picture on the server, or all of the job, as the settings have it, and tells where to. */
export const saveByHand = (job, index) => told(async () => {
  const { files } = await server.save(job, index);
  return files.length > 1
    ? t("{n} pictures saved, the last as {file}", { n: files.length, file: files.at(-1) })
    : t("Saved as {file}", { file: files[0] });
});

/** Opens the picture's folder on one's own computer; on another's it is only told. */
export const openFolder = (job, index) => told(async () => {
  const { folder, opened } = await server.folder(job, index);
  return opened ? t("{folder} is open in your file manager.", { folder }) : t("On the server: {folder}", { folder });
});

/** All pictures of the job; the browser keeps them where it keeps what it downloads. */
export const downloadZip = (job) => saveAs(server.zip(job), "");
