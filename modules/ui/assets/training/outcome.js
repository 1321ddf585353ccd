// What a run's files are good for: tried in txt2img, compared in a plot, shown in the cards.
import { lookAgain } from "../core/choices.js";
import { facts, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { Lost, reasonOf, server } from "../core/server.js";
import { shown } from "../generation/send_to.js";

const CHOSEN = { checkpoint: "sd_model_checkpoint", vae: "sd_vae" };      // kinds of files that a setting chooses
const TAGS = { lora: (name) => `<lora:${name}:1>`, hypernetwork: (name) => `<hypernet:${name}:1>`,
  embedding: (name) => name };
const AXES = { lora: "Prompt S/R", hypernetwork: "Prompt S/R", embedding: "Prompt S/R", checkpoint: "Checkpoint name",
  vae: "VAE", controlnet: "[ControlNet] Model" };
const PLOT = "X/Y/Z plot";
const SMALL = new Set(["a", "an", "the", "on", "in", "of", "with", "and", "at", "from", "to", "by"]);

const stem = (name) => name.replace(/\.[^.]*$/, "");

/** The words that captions begin with in common, without small ones at the end: what stands for the thing. */
export function commonStart(captions) {
  const [first = [], ...others] = captions.map((caption) => caption.split(/\s+/).filter(Boolean));
  const differs = first.findIndex((word, place) => others.some((words) => words[place] !== word));
  const words = differs < 0 ? first : first.slice(0, differs);
  while (words.length && SMALL.has(words.at(-1).toLowerCase())) words.pop();
  return words.join(" ").replace(/,$/, "");
}

export class Outcome {
  /** run: what is looked at, with its record, lines and samples */
  constructor(run) { this.run = run; }

  get kind() { return this.run.record.outputs.at(-1)?.facts.model_kind; }

  /** What its samples show, else what it has learnt last. */
  get caption() {
    const drawn = this.run.samples.map(({ prompt }) => prompt.replace(/ <[^<>]*>$/, ""));
    return drawn[0] ?? this.run.lines.findLast(({ caption }) => caption)?.caption ?? "";
  }

  /** A prompt that a file was trained for, with the file's tag. */
  promptWith(file) {
    const tag = TAGS[this.kind]?.(file) ?? "";
    return this.kind === "embedding" ? tag : [this.caption, tag].filter(Boolean).join(" ");
  }

  /** A unit that follows by a file of the run what it was taught to; a picture that is put into it enables it. */
  unitWith(name) {
    const [module = "canny"] = this.run.record.params.conditioning_preprocessor ?? [];
    return { enabled: false, model: stem(name), module, pixel_perfect: true };
  }

  /** A file into txt2img, for one picture. */
  async tryFile(name) {
    lookAgain();
    const tab = await shown("txt2img"), chosen = CHOSEN[this.kind];
    tab.form.fill({ prompt: this.promptWith(stem(name)), script_name: "", ...(chosen ? { [chosen]: name } : {}) });
    if (this.kind === "controlnet") tab.control.put(this.unitWith(name));
    document.querySelector("#txt2img_prompt textarea")?.focus();
  }

  /** All files of the run beside each other, in a plot that is only filled in. */
  async compare(outputs) {
    lookAgain();
    const files = outputs.filter(({ facts: { step } }) => step).map(({ name }) => name);
    const tab = await shown("txt2img"), ids = facts.scripts.txt2img[PLOT], tag = TAGS[this.kind];
    const called = tag ? (file) => tag(stem(file)) : this.kind === "controlnet" ? stem : (file) => file;
    const values = files.map(called).map(quoted).join(", ");
    if (this.kind === "controlnet") tab.control.put(this.unitWith(files[0]));
    tab.form.fill({
      prompt: this.promptWith(stem(files[0])), script_name: PLOT, [ids.x_type]: AXES[this.kind], [ids.x_values]: values,
      [ids.y_type]: "Nothing", [ids.y_values]: "", [ids.z_type]: "Nothing", [ids.z_values]: "", [ids.more_axes]: "",
    });
  }

  /** The newest sample that is drawn, as its job and number. */
  newestSample() {
    const found = this.run.samples.map(({ job }) => ({ job, index: this.run.sheet.jobs.get(job)?.pictures[0]?.index }));
    return found.findLast(({ index }) => index !== undefined);
  }

  /** Words that call the thing, and a picture of it, onto the file's card. */
  async makeCard(name) {
    try {
      await server.refreshCards();
      const { cards } = await server.cards({ kind: this.kind, search: stem(name) });
      const card = cards.find((each) => each.name === stem(name));
      if (!card) return notice("training", t("Its card is not there yet: try again in a moment."));
      const captions = this.run.lines.map(({ caption }) => caption).filter(Boolean);
      const activation = this.run.record.params.class_tokens || commonStart(captions);
      if (activation) await server.changeCard(card.id, { activation });
      const shot = this.newestSample();
      if (shot) await server.usePicture(card.id, shot);
      lookAgain();
      return notice("training", t("Its card has a picture and the words {words}.", { words: activation || "–" }));
    } catch (error) {
      if (!error.reply && !(error instanceof Lost)) throw error;
      return notice("training", reasonOf(error), 8);
    }
  }
}

/** A value of a list with commas. */
const quoted = (value) => (value.includes(",") ? `"${value}"` : value);
