// A file for the browser's disk.
import { h, t } from "./dom.js";
import { notice } from "./notices.js";

export function saveAs(href, download) {
  const link = h("a", { href, download, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
}

export function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  saveAs(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** What the server answers to a request that has no address. */
export async function saveAnswer(address, body, name) {
  notice("download", t("The pictures are gathered…"), 0);
  try {
    const response = await fetch(address, {
      method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-Requested-With": "easel" },
    });
    if (!response.ok) throw new Error((await response.json().catch(() => ({}))).errors ?? `HTTP ${response.status}`);
    saveBlob(await response.blob(), name);
    notice("download", t("Here they are."), 2);
  } catch (error) {
    notice("download", error.message || t("The server did not answer. Please try again."));
  }
}
