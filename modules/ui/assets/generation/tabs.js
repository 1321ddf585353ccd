// The tabs that make pictures, each with its form, job and results, once gradio has drawn them.
import { byId, facts } from "../core/dom.js";

export const tabs = new Map();      // by name

/** The tab the person looks at, or undefined on others. */
export const inView = () => [...tabs.values()].find(({ tab }) => byId(`${tab}_page`)?.offsetParent);

/** Does the tab draw from a prompt? Extras does not. */
export const hasPrompt = (tab) => "prompt" in facts.forms[tab].ids;

const NEEDED = (tab) => [
  `${tab}_gallery`,
  `html_info_${tab}`,
  `${tab}_settings`,
  `${tab}_generate`,
  ...(hasPrompt(tab) ? [`${tab}_prompt`] : []),
];

/** Tabs that are drawn but not started yet. */
export const waiting = () => Object.keys(facts.forms).filter((tab) => !tabs.has(tab) && NEEDED(tab).every(byId));
