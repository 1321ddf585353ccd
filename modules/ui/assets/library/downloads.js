// Pictures as a zip or as a page for the browser's disk.
import { saveAnswer, saveAs } from "../core/save_as.js";
import { shelf } from "../core/shelf.js";

const LONGEST = 6000;      // characters of an address that every server takes

/** A zip, streamed by the server. which: { pictures } or { q, in } */
export function downloadZip(which, withData) {
  const wishes = which.pictures ? { pictures: which.pictures.join(",") } : which;
  const address = `${shelf.zip}?${new URLSearchParams({ ...wishes, data: withData ? "1" : "0" })}`;
  if (address.length <= LONGEST) return saveAs(address, "");
  return saveAnswer(shelf.zip, { ...which, data: withData }, "pictures.zip");
}

export const downloadContactSheet = (which) => saveAnswer(shelf.contactSheet, which, "contact-sheet.html");
