// Parts of the page that come once they are needed. In the bundle each `import("…")` of our scripts asks here.
import { t } from "./dom.js";
import { notice } from "./notices.js";

const OURS = 'link[rel="stylesheet"][href*="/easel/page/page-"]';

const LOST = "This part of the page could not be loaded. Is the server there? Reloading the page may help.";
const AGAIN = 8;      // seconds for which that is said, and until what did not come is asked for once more

/**
 * A function that resolves with a module by its name, once its files have come.
 *
 * modules: those there are, by name; files: names of scripts and sheets by the module's name, what others need first;
 * place: their address
 */
export const lateLoader = (modules, files, place) => {
  const asked = new Map();      // by the module's name; the page asks again and again

  const bringPart = async (name) => {
    try {
      const brought = await Promise.all((files[name] ?? []).map((file) => bring(new URL(file, place))));
      for (const part of brought) part.add?.(modules, load);
    } catch (error) {
      notice("part", t(LOST), AGAIN);
      setTimeout(() => asked.delete(name), AGAIN * 1000);
      throw error;
    }
    return modules[name];
  };

  const load = (name) => {
    if (!asked.has(name)) asked.set(name, bringPart(name));
    return asked.get(name);
  };
  return load;
};

// of a description of tabs (parts.js)
document.addEventListener("easel-lost", () => notice("part", t(LOST), AGAIN));

/** Asks for each file once; a sheet stands behind ours and before those of extensions and people. */
const bring = ({ pathname, href }) => (pathname.endsWith(".css") ? bringSheet(href) : bringScript(href));

const lost = new Map();      // scripts that did not come → how often: some browsers ask for an address but once

async function bringScript(href) {
  const times = lost.get(href) ?? 0;
  try {
    return await import(times ? `${href}?again=${times}` : href);
  } catch (error) {
    lost.set(href, times + 1);
    throw error;
  }
}

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
