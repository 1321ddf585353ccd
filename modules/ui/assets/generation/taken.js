// How long a job took, and where the device can tell what memory it used, in A1111's words.
import { h, t } from "../core/dom.js";
import { server } from "../core/server.js";

const GIGABYTE = 1024 ** 3;

/** 1.23 → "1.2 sec.", 75 → "1 min. 15.0 sec." */
export function inMinutes(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = t("{n} sec.", { n: (seconds - 60 * minutes).toFixed(1) });
  return minutes ? `${t("{n} min.", { n: minutes })} ${rest}` : rest;
}

/** A device's figures as A1111 shows them; "" where it has none. */
export function memoryLine({ system, active, reserved } = {}) {
  if (!system) return "";
  const amount = (bytes) => (bytes / GIGABYTE).toFixed(1);
  const share = Math.round(100 * system.used / system.total);
  return `A: ${amount(active.peak)} GB, R: ${amount(reserved.peak)} GB, ` +
    `Sys: ${amount(system.used)}/${amount(system.total)} GB (${share}%)`;
}

/** The line under the data. */
export class TakenLine {
  constructor() {
    this.element = h("p.time-taken");
    this.shown = null;      // the job whose figures are shown
  }

  /** record: the followed job's newest, or null */
  follow(record) {
    const job = record?.seconds ? record.id : null;
    if (job === this.shown) return;
    this.shown = job;
    this.element.replaceChildren(...(job ? [t("Time taken: {time}", { time: inMinutes(record.seconds) })] : []));
    if (job) this.addMemory(job);
  }

  async addMemory(job) {
    const memory = await server.memory().catch(() => ({}));
    const line = memoryLine(memory.cuda);
    if (line && job === this.shown) this.element.append(h("span.vram", { title: MEMORY_MEANS() }, line));
  }
}

const MEMORY_MEANS = () => t("A: most in use at once; R: most reserved; Sys: the device's as a whole, now.");
