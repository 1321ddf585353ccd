// Pictures as a zip or as a page for the browser's disk.
import { t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { saveAs } from "../core/save_as.js";
import { shelf } from "../core/shelf.js";

const LONGEST = 6000;      // characters of an address that every server takes

/** A zip, streamed by the server. which: { pictures } or { q, in } */
export function downloadZip(which, withData) {
  const wishes = which.pictures ? { pictures: which.pictures.join(",") } : which;
  const address = `${shelf.zip}?${new URLSearchParams({ ...wishes, data: withData ? "1" : "0" })}`;
  if (address.length <= LONGEST) return saveAs(address, "");
  return fetched(shelf.zip, { ...which, data: withData }, "pictures.zip");
}

export const downloadContactSheet = (which) => fetched(shelf.contactSheet, which, "contact-sheet.html");

async function fetched(address, body, name) {
  notice("download", t("The pictures are gathered…"), 0);
  try {
    const response = await fetch(address, {
      method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-Requested-With": "easel" },
    });
    if (!response.ok) throw new Error((await response.json().catch(() => ({}))).errors ?? `HTTP ${response.status}`);
    const url = URL.createObjectURL(await response.blob());
    saveAs(url, name);
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    notice("download", t("Here they are."), 2);
  } catch (error) {
    notice("download", error.message || t("The server did not answer. Please try again."));
  }
}
