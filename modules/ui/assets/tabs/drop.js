// Pictures dropped on the page or pasted into it are read back.
import { byId, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { told } from "../core/png_metadata.js";
import { manifestSource, pasteInfotext } from "../generation/paste.js";
import { inView, tabs } from "../generation/tabs.js";
import { pngInfo } from "./png_info.js";

export function startDrops() {
  let depth = 0;
  const mark = (on) => document.body.classList.toggle("easel-dropping", on);
  document.addEventListener("dragenter", (event) => { if (hasFile(event)) { depth++; mark(true); } });
  document.addEventListener("dragleave", () => { depth = Math.max(0, depth - 1); if (!depth) mark(false); });
  document.addEventListener("dragover", (event) => { if (hasFile(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    depth = 0;
    mark(false);
    const files = picturesIn(event.dataTransfer);
    if (!hasFile(event)) return;
    event.preventDefault();      // never navigate away to the file
    if (files.length) take(files, event.target.closest?.("[id$=_prompt_container]"));
  });
  document.addEventListener("paste", (event) => {
    const files = picturesIn(event.clipboardData);
    if (files.length && !event.clipboardData.getData("text/plain")) { event.preventDefault(); take(files); }
  });
}

/** A picture's data into a tab's form; returns whether there are any. */
async function readInto({ form }, file) {
  const { infotext } = await told(file).catch(() => ({}));
  return Boolean(infotext) && await pasteInfotext(infotext, form);
}

const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
const picturesIn = (transfer) => [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/"));

/** onPrompt: they fell on the prompts, where data are read even if the tab takes the picture as well */
async function take(files, onPrompt = false) {
  const tab = inView();
  if (tab?.take) return tab.take(files, Boolean(onPrompt) && await readInto(tab, files[0]));
  if (byId("tab_pnginfo")?.offsetParent) return pngInfo.take(files);
  try {
    const { infotext, manifest } = await told(files[0]);
    const { form } = inView() ?? tabs.get("txt2img");
    if (infotext) await pasteInfotext(infotext, form, manifestSource(manifest));
    else notice("drop", t("This picture carries no generation data."));
  } catch (error) {
    notice("drop", error.message);
  }
}
