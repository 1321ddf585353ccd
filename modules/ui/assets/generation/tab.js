// One tab that makes pictures, started once gradio has drawn it.
import { startCards } from "../cards/cards.js";
import { startImages } from "../img2img/img2img.js";
import { startPrompts } from "../prompt/boxes.js";
import { startExtras } from "../tabs/extras.js";
import { startFolds } from "./accordions.js";
import { createGenerate, nameTools } from "./actions.js";
import { createForm } from "./form.js";
import { createJob } from "./job.js";
import { followChoice } from "./model_choice.js";
import { startOverrides } from "./paste.js";
import { createResults } from "./results.js";
import { startScripts } from "./scripts.js";
import { meetServer } from "./server_status.js";
import { hasPrompt, panels } from "./tabs.js";

/** The tab's form, job and results, put together and shown as they were before a reload. */
export async function startPanel(tab) {
  const panel = { tab, form: createForm(tab), job: createJob(tab) };
  panels.set(tab, panel);
  panel.results = createResults(panel);
  panel.generate = createGenerate(panel);
  panel.results.start();
  startOverrides(panel);
  if (hasPrompt(tab)) {
    startPrompts(panel);
    startScripts(panel);
    startFolds(panel);
    startCards(tab, { form: panel.form, newest: () => newest(panel) });
  }
  OWN[tab]?.(panel);
  nameTools();
  followChoice(panel.form, meetServer);
  panel.job.resume();
  await panel.form.now();      // gradio listens, and what was typed meanwhile is known
  return panel;
}

/** The picture that is shown, as the cards take it for a preview. */
const newest = ({ job, results }) => (results.picture && job.current ? { job: job.current.id, index: Number.parseInt(results.picture.index, 10) } : null);

/** What a tab has that others have not. */
const OWN = { img2img: startImages, extras: startExtras };
