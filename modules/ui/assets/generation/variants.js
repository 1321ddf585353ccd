// More of the same: a picture varied, several jobs queued at once, and one after another without end.
import { dialogOf, opened, textButton } from "../core/dialog.js";
import { byId, h, pause, t } from "../core/dom.js";
import { startMenus } from "../core/menus.js";
import { notice } from "../core/notices.js";
import { reasonOf, server } from "../core/server.js";
import { browser } from "../core/storage.js";
import { own, placeOf, receiveInputs, shown } from "./send_to.js";

const MOST = 100;            // variants at once
const BREATH = 1200;         // ms between two jobs, longer than what a tab takes for a second click

/** Asks for a number, and a strength where `strong`; resolves with them, or null. */
async function wishes(title, key, { strong, hint }) {
  const kept = { count: 4, strength: 0.3, ...browser.get(key) };
  const count = h("input", { type: "number", min: 1, max: MOST, value: kept.count, required: true });
  const strength = h("input", { type: "range", min: 0.05, max: 1, step: 0.05, value: kept.strength });
  const said = h("output", {}, String(kept.strength));
  strength.addEventListener("input", () => { said.textContent = strength.value; });
  let answer = null;
  const body = h("form.variants", {
    onsubmit: (event) => {
      event.preventDefault();
      answer = { count: Number(count.value), strength: Number(strength.value) };
      element.close();
    },
  }, h("label.card-field", {}, h("span", {}, t("How many")), count),
  strong ? h("label.card-field", {}, h("span", {}, t("Variation strength"), " ", said), strength) : null,
  h("p.hint", {}, hint), h("button", { type: "submit", hidden: true }));
  const element = dialogOf({
    title, kind: "variants-dialog", body,
    foot: [h("span.card-trouble"), textButton(t("Cancel"), () => element.close()),
      textButton(t("Start"), () => body.requestSubmit(), ".card-primary")],
  });
  const closed = opened(element);
  count.select();
  await closed;
  if (answer) browser.set(key, answer);
  return answer;
}

/** Variations of a picture, beside it: its own data with other variation seeds. */
export async function varyPicture(picture, tab = null) {
  const wanted = await wishes(t("Vary this"), "vary", {
    strong: true, hint: t("The same seed, other variation seeds: a small strength stays close to the picture."),
  });
  if (!wanted) return;
  try {
    const found = await server.readInfotext(picture.infotext, tab?.tab ?? "");
    const target = tab ?? await shown(found.tab);
    if (!tab && target.receive && !await ownStart(picture, target)) return;
    const patch = {
      ...own(found), ...scriptless(target.form), subseed: -1, subseed_strength: wanted.strength, n_iter: wanted.count,
      batch_size: 1,
    };
    await target.add(patch, tab && placeOf(picture));
  } catch (error) {
    notice("vary", reasonOf(error));
  }
}

/** The picture that a picture of the library was made of, into the editor; without it nothing of the kind is made. */
async function ownStart({ job }, tab) {
  const asked = job ? await server.queuedRequest(job).catch(() => null) : null;
  if (asked?.inputs && await receiveInputs(tab, job, asked)) return true;
  const gone = t("The picture it was made of is not kept any more: put it into the editor, and send the data there.");
  notice("vary", gone);
  return false;
}

const scriptless = ({ values }) => ("script_name" in values ? { styles: [], script_name: "" } : { styles: [] });

/** Several jobs of the form as it stands, each with a seed of its own, behind those that wait. */
async function queueVariants(tab) {
  const wanted = await wishes(t("Queue variants"), "queue.variants", {
    strong: false, hint: t("So many jobs of the form as it stands, each with its own seed, behind those that wait."),
  });
  if (!wanted) return;
  try {
    const request = await tab.request(), begun = [];
    for (let i = 0; i < wanted.count; i++)
      begun.push(await server.begin({ ...request, fields: { ...request.fields, seed: -1 } }));
    for (const { job } of begun) tab.line.join(job);
    if (!tab.job.running) tab.follow(begun[0]);
    notice("variants", t("{n} jobs are queued.", { n: begun.length }));
    document.dispatchEvent(new CustomEvent("easel-added"));
  } catch (error) {
    notice("variants", reasonOf(error));
  }
}

/** One job after another until it is stopped; an error stops it, an interruption only ends the job. */
class Forever {
  constructor(tab) {
    this.tab = tab;
    this.on = false;
    this.sign = h("p.forever", { hidden: true, role: "status" }, t("Generating forever"),
      textButton(t("Stop"), () => this.stop()));
    byId(`${tab.tab}_generate_box`).after(this.sign);
  }

  stop() {
    this.on = false;
    this.sign.hidden = true;
  }

  async start() {
    if (this.on) return;
    this.on = true;
    this.sign.hidden = false;
    const { tab } = this;
    while (this.on) {
      await tab.job.ended();
      if (!this.on) return;
      if (await tab.generate() === false) return this.stop();
      await tab.job.ended();
      if (tab.job.current?.state === "failed") return this.stop();
      await pause(BREATH);
    }
  }
}

/** The menu of Generate: under the other mouse button, a long touch, and a button beside it. */
export function startVariants(tab) {
  startMenus();
  const forever = new Forever(tab), { appendContextMenuOption: append } = window;
  for (const place of [`#${tab.tab}_generate`, `#${tab.tab}_interrupt`]) {
    append(place, t("Generate forever"), () => forever.start());
    append(place, t("Cancel generate forever"), () => forever.stop());
    append(place, t("Add to the queue"), () => tab.add());
    append(place, t("Queue variants…"), () => queueVariants(tab));
  }
}

/** Opens the menu at its button, for keyboard and touch. */
export async function openMenu({ tab }) {
  await pause(0);      // this very click closes menus
  const { left, bottom } = byId(`${tab}_generate_menu`).getBoundingClientRect();
  const generate = byId(`${tab}_generate`), at = { clientX: left, clientY: bottom + 4 };
  generate.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true, ...at }));
}
