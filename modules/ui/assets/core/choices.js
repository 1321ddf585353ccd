// The files there are to choose from: looked for again, and told to every list of the page; and what is wrong with
// them.
import { byId, facts, h, t, told } from "./dom.js";
import { notice } from "./notices.js";
import { server } from "./server.js";
import { browser } from "./storage.js";

const AWAY = "problems.away";      // in the browser's memory: sentences that were read
const MOST_AWAY = 50;

let known = facts.start.choices;      // by list

/** What there is to choose from a list now: texts, or pairs of what is shown and what is meant. */
export const offered = (list) => known[list] ?? [];

/** The hash in a checkpoint's title, "" if it is not known yet. */
export const hashIn = (title) => / \[([0-9a-f]+)\]$/.exec(title ?? "")?.[1] ?? "";

/** What is wrong with the files, or where to put one if there is none. */
export function showProblems({ problems, missing_folder: folder }) {
  const missing = folder
    ? [
        h(
          "p",
          {},
          `${t("There is no model yet. Put a checkpoint file into this folder, then press refresh:")} `,
          h("code", {}, folder),
        ),
      ]
    : [];
  const away = browser.get(AWAY) ?? [];
  const lines = problems.filter((problem) => !away.includes(problem)).map(problemLine);
  byId("easel_model_notes").replaceChildren(...missing, ...lines);
}

/** What is wrong, with a button that puts it away until something else is. */
function problemLine(problem) {
  const putAway = () => {
    browser.set(AWAY, [...(browser.get(AWAY) ?? []), problem].slice(-MOST_AWAY));
    line.remove();
  };
  const line = h("p", {}, `⚠ ${told(problem)} `,
    h("button.away", { type: "button", title: t("Put away"), "aria-label": t("Put away"), onclick: putAway }, "×"));
  return line;
}

/** New lists; what was chosen on this page stays chosen. */
export const lookAgain = () => offer(server.refreshChoices());

/** The lists as the server has them now, without a new look into the folders. */
export const offerAnew = () => offer(server.choices());

async function offer(asking) {
  try {
    const found = await asking;
    const changed = Object.entries(facts.lists).filter(
      ([, list]) => JSON.stringify(known[list]) !== JSON.stringify(found.lists[list]),
    );
    known = found.lists;
    window.easel
      .store("choices")
      .fill(
        Object.fromEntries(
          changed.map(([id, list]) => [id, { __type__: "update", ...window.easel.offer(id, known[list]) }]),
        ),
      );
    showProblems(found);
  } catch (error) {
    notice("choices", error.reply?.message ?? t("The server did not answer. Please try again."));
  }
}
