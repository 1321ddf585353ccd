// Parts of the page that come once they are needed. In the bundle each `import("…")` of our scripts asks here.
import { t } from "./dom.js";
import { notice } from "./notices.js";

const OURS = 'link[rel="stylesheet"][href*="/easel/page/page-"]';

const LOST = "This part of the page could not be loaded. Is the server there? Reloading the page may help.";

/**
 * A function that resolves with a module by its name, once its files have come.
 *
 * modules: those there are, by name; files: names of scripts and sheets by the module's name, what others need first;
 * place: their address
 */
export const lateLoader = (modules, files, place) => {
  const load = async (name) => {
    try {
      const brought = await Promise.all((files[name] ?? []).map((file) => bring(new URL(file, place))));
      for (const part of brought) part.add?.(modules, load);
    } catch (error) {
      notice("part", t(LOST), 8);
      throw error;
    }
    return modules[name];
  };
  return load;
};

/** Asks for each file once; a sheet stands behind ours and before those of extensions and people. */
const bring = (address) => (address.pathname.endsWith(".css") ? bringSheet(address.href) : import(address));

const sheets = new Map();

function bringSheet(href) {
  if (!sheets.has(href)) {
    sheets.set(href, new Promise((resolve, reject) => {
      const failed = () => { link.remove(); sheets.delete(href); reject(new Error(`${href} did not come`)); };
      const link = Object.assign(document.createElement("link"), {
        rel: "stylesheet", href, onload: () => resolve({}), onerror: failed,
      });
      document.querySelector(OURS).after(link);
    }));
  }
  return sheets.get(href);
}
