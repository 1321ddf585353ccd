// What outlives the page: forms, a training's draft. The browser remembers them, and with accounts they follow theirs
// from one device to another: the last writer wins, and is told what it wrote over.
import { debounced, facts, moment, t } from "./dom.js";
import { noticeToAnswer } from "./notices.js";
import { server } from "./server.js";
import { browser, device, tab as kept } from "./storage.js";

const PAUSE = 300, REST = 1500;      // ms without a change, after which the browser remembers, and the server is told
const OFFERED = 20;     // s that another device's version is offered for

const { account } = facts.start;
const watched = [];

/** What somebody chose, as a text to compare: fields that follow a model's defaults, `base`, are nobody's choice. */
function choicesOf({ values = {}, base = {}, fields }) {
  const isChosen = ([name, value]) => JSON.stringify(value) !== JSON.stringify(base[name]);
  return JSON.stringify(fields ?? Object.entries(values).filter(isChosen));
}

export const when = ({ changed }) => moment(new Date(changed * 1000), { dateStyle: "short", timeStyle: "short" });

/** Offers somebody a version that is not theirs of now, or their own of before. draft: its name */
const offer = (draft, said, act, take) => noticeToAnswer(`draft.${draft}`, said, act, take, OFFERED);

export class SharedDraft {
  /**
   * name: as the server has it; put(value): the draft becomes what another device had; now(): the value as it is here
   */
  constructor(name, { put, now }) {
    const { draft, setAside } = window.easel.remembered(name);
    Object.assign(this, { name, put, now, revision: draft?.revision ?? 0 });
    this.sent = draft ? choicesOf(draft.value) : null;
    this.keepSoon = debounced(() => this.keep(), PAUSE);
    addEventListener("pagehide", () => this.keep());
    if (!account) return;
    this.sendSoon = debounced(() => this.send(), REST);
    addEventListener("pagehide", () => this.send());
    watched.push(this);
    if (!setAside || choicesOf(setAside) === this.sent) return;
    const said = t("As you left it on another device ({when}).", { when: when(draft) });
    offer(name, said, t("Back to what was here"), () => this.put(setAside));
  }

  /** Something was changed here. */
  changed() {
    this.touched = true;
    this.keepSoon();
    this.sendSoon?.();
  }

  keep() {
    const remembered = { ...this.now(), revision: this.revision };
    kept.set(this.name, remembered);
    browser.set(this.name, remembered);
  }

  async send() {
    const value = this.now(), text = choicesOf(value);
    if (!this.touched || text === this.sent) return;
    this.sent = text;
    try {
      const { revision, replaced } = await server.keepDraft(this.name, { value, device, seen: this.revision });
      this.revision = revision;
      if (replaced) this.offer(replaced, "Changed on another device meanwhile ({when}): what is here counts now.");
    } catch {
      this.sent = null;      // the browser keeps it, and the next change tries again
    }
  }

  /** The server has another device's version. */
  async meet({ revision }) {
    const theirs = await server.draft(this.name);
    this.revision = revision;
    if (choicesOf(theirs.value) !== choicesOf(this.now())) this.offer(theirs, "Changed on another device ({when}).");
  }

  offer(theirs, said) {
    offer(this.name, t(said, { when: when(theirs) }), t("Take it from there"), () => this.put(theirs.value));
  }
}

async function look() {
  if (document.hidden || !watched.length) return;
  try {
    const found = await server.drafts();
    for (const draft of watched) {
      const theirs = found[draft.name];
      if (theirs && theirs.revision > draft.revision && theirs.device !== device) await draft.meet(theirs);
    }
  } catch { /* asked again when somebody comes back to this page */ }
}

if (account) document.addEventListener("visibilitychange", look);
