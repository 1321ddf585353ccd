// The tabs that make pictures, each with its form, job and results, once gradio has drawn them.
import { byId, facts } from "../core/dom.js";

export const panels = new Map();      // by tab

/** The panel the person looks at, or undefined on other tabs. */
export const inView = () => [...panels.values()].find(({ tab }) => byId(`${tab}_page`)?.offsetParent);

/** Does the tab draw from a prompt? Extras does not. */
export const hasPrompt = (tab) => facts.forms[tab].names.includes("prompt");

const NEEDED = (tab) => [`${tab}_fill`, `${tab}_submit`, `${tab}_gallery`, `html_info_${tab}`, `${tab}_settings`, ...(hasPrompt(tab) ? [`${tab}_prompt`] : [])];

/** Tabs that are drawn but have no panel yet. */
export const waiting = () => Object.keys(facts.forms).filter((tab) => !panels.has(tab) && NEEDED(tab).every(byId));
