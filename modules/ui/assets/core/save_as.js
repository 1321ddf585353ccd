// A file for the browser's disk.
import { h } from "./dom.js";

export function saveAs(href, download) {
  const link = h("a", { href, download, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
}
