// The files there are to choose from: looked for again, and told to every list of the page; and what is wrong with
// them.
import { byId, facts, h, t } from "./dom.js";
import { notice } from "./notices.js";
import { server } from "./server.js";

let known = facts.start.choices;      // by list

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
  byId("easel_model_notes").replaceChildren(...missing, ...problems.map((problem) => h("p", {}, `⚠ ${problem}`)));
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
