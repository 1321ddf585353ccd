// What a picture tells of itself; the server is the one that reads files.
import { dataUrl, server } from "./server.js";

/**
 * {infotext, manifest, texts}: the first two are "" if it has none, `texts` are all others by their keys. Throws
 * Refused or Lost.
 */
export async function told(file) {
  const {
    info,
    items: { parameters: _told, easel: manifest = "", ...texts },
  } = await server.pngInfo(await dataUrl(file));
  return { infotext: info, manifest, texts };
}
