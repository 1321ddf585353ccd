// The sample sheet: a row for each prompt, a column for each step; a picture is opened in txt2img with its data.
import { bringIntoView, h, t } from "../core/dom.js";
import { server } from "../core/server.js";
import { sendToTxt2img } from "../generation/send_to.js";
import { hasEnded } from "../generation/job_feed.js";

export class SampleSheet {
  jobs = new Map();      // by id, those that have ended
  drawn = "";

  constructor() {
    this.table = h("div.training-sheet-table", {});
    this.hint = h("p.hint", {}, t("Each is an ordinary picture: a click opens it in txt2img with all that made it."));
    this.root = h("section.training-sheet-part", { hidden: true }, h("h2", {}, t("Samples")), this.table, this.hint);
  }

  async take(samples) {
    const asked = samples.filter(({ job }) => !this.jobs.has(job));
    await Promise.all(asked.map(async ({ job }) => {
      try {
        const record = await server.job(job);
        if (hasEnded(record)) this.jobs.set(job, record);
      } catch (error) {
        if (!error.reply) return;
        this.jobs.set(job, { pictures: [], error: error.reply });      // it has been cleared from the queue
      }
    }));
    this.draw(samples);
  }

  draw(samples) {
    this.root.hidden = !samples.length;
    const now = JSON.stringify(samples.map(({ job }) => [job, this.jobs.has(job)]));
    if (now === this.drawn) return;
    this.drawn = now;
    const steps = [...new Set(samples.map(({ step }) => step))].sort((a, b) => a - b);
    const rows = [...new Set(samples.map(({ row }) => row))].sort((a, b) => a - b);
    const head = h("tr", {}, h("td"), steps.map((step) => h("th", { scope: "col", id: `training_step_${step}` },
      step ? t("Step {n}", { n: step }) : t("Before"))));
    const body = rows.map((row) => h("tr", {},
      h("th", { scope: "row" }, samples.find((each) => each.row === row).prompt.replace(/ <[^<>]*>$/, "")),
      steps.map((step) => h("td", {}, this.cell(samples.find((each) => each.row === row && each.step === step))))));
    this.table.replaceChildren(h("table", {}, h("thead", {}, head), h("tbody", {}, body)));
  }

  cell(sample) {
    if (!sample) return null;
    const record = this.jobs.get(sample.job), picture = record?.pictures[0];
    if (!record) return h("span.sample-wait", { title: t("It is being drawn") });
    if (!picture) return h("span.hint", { title: record.error?.message ?? "" }, t("not drawn"));
    return h("button", {
      type: "button", title: t("Open in txt2img"), onclick: () => sendToTxt2img(picture.infotext),
    }, h("img", { src: server.thumbnail(sample.job, picture.index),
      alt: `${sample.prompt}, ${t("Step {n}", { n: sample.step })}`, loading: "lazy" }));
  }

  /** Bring the samples nearest to a step into sight. */
  show(step) {
    const heads = [...this.table.querySelectorAll("[id^=training_step_]")];
    const distance = ({ id }) => Math.abs(Number(id.slice("training_step_".length)) - step);
    const [nearest] = heads.sort((a, b) => distance(a) - distance(b));
    if (nearest) bringIntoView(nearest, { inline: "center", block: "nearest" });
  }
}
