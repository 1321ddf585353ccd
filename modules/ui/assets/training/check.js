// Before it begins: the sum of an epoch, the buckets, what is wrong with which picture, a batch as it will be seen.
import { textButton } from "../core/dialog.js";
import { h, t, told } from "../core/dom.js";
import { inWords, reasonOf } from "../core/server.js";
import { trainer } from "./trainer.js";

const SHOWN = 8;      // problems before the rest is counted

export class TrainingCheck {
  step = 0;

  /** begin: what the button does */
  constructor(draft, begin) {
    this.draft = draft;
    this.sum = h("p.training-sum", {});
    this.problems = h("ul.training-problems", {});
    this.buckets = h("div.training-buckets", {});
    this.batch = h("div.training-batch", {});
    this.refusal = h("div", {});
    this.button = textButton(t("Train"), begin, ".card-primary");
    this.button.id = "training_begin";
    this.batchButton = textButton(t("Show a batch"), () => this.showBatch());
    this.measureButton = textButton(t("Measure"), () => this.measure());
    this.measureButton.title = t("Take three real steps, and tell what a training takes in time and memory");
    this.measured = h("div.training-measured", { role: "status" });
    this.root = h("section.training-part.training-check-part", {}, h("h2", {}, t("Before it begins")), this.sum,
      this.problems, this.buckets, this.batch, this.measured, this.refusal,
      h("div.training-bar", {}, this.button, this.batchButton, this.measureButton));
  }

  show({ pictures, missing }) {
    const fatal = pictures?.problems.some((each) => each.fatal);
    this.button.disabled = !pictures || fatal;
    this.batchButton.hidden = this.measureButton.hidden = !pictures;
    this.measured.replaceChildren();
    if (pictures && this.batch.firstChild) this.drawBatch(Math.max(0, this.step - 1));      // as it would be now
    else this.clearBatch();
    this.refusal.replaceChildren();
    this.sum.textContent = pictures ? pictures.sum
      : this.draft.folder ? [missing?.message, missing?.hint].filter(Boolean).join(" ") : t("Choose pictures first.");
    const named = (pictures?.problems ?? []).map(({ picture, message, fatal: bad }) => [`${picture}: ${message}`, bad]);
    const all = [...named, ...(pictures?.advice ?? []).map((each) => [each, false])].sort(([, a], [, b]) => b - a);
    const more = all.length - SHOWN;
    const shown = all.slice(0, SHOWN).map(([text, bad]) => h("li", { className: bad ? "wrong" : "" }, text));
    const rest = more > 0 ? [h("li", {}, t("and {n} more, at their pictures", { n: more }))] : [];
    this.problems.replaceChildren(...shown, ...rest);
    this.drawBuckets(pictures?.buckets ?? []);
  }

  /** Each bucket as a frame of its shape, as wide as it has pictures. */
  drawBuckets(buckets) {
    const largest = Math.max(1, ...buckets.flatMap(({ size }) => size));
    this.buckets.replaceChildren(...buckets.map(({ size: [width, height], shown, batches, last, batch }) => h("div", {
      title: last < batch ? t("The last batch has {n}", { n: last }) : "",
    }, h("span.bucket-shape", { style: `width: ${(44 * width) / largest}px; height: ${(44 * height) / largest}px` }),
    h("strong", {}, `${width}×${height}`),
    h("span", {}, batches === 1 ? t("{n} in one batch", { n: shown })
      : t("{n} in {m} batches", { n: shown, m: batches })))));
  }

  async showBatch() {
    const step = this.step;
    this.step += 1;
    await this.drawBatch(step);
  }

  clearBatch() {
    this.asked = null;
    this.batch.replaceChildren();
  }

  async drawBatch(step) {
    const asked = this.asked = {};
    try {
      const found = await trainer.batch({ seed: 0, ...this.draft.fields }, step);
      if (asked !== this.asked) return;      // another one was asked for meanwhile
      this.batch.replaceChildren(
        h("p.hint", {}, t("Step {n} of epoch {m}, as it would be seen", { n: found.step + 1, m: found.epoch })),
        ...found.pictures.map(batchPicture));
    } catch (error) {
      if (asked !== this.asked) return;
      this.step = 0;
      this.batch.replaceChildren(h("p.wrong", {}, reasonOf(error)));
    }
  }

  async measure() {
    this.measureButton.disabled = true;
    this.measured.replaceChildren(h("p.hint", {}, t("Three steps are taken …")));
    try {
      const { told: sentences } = await trainer.measure(this.draft.fields);
      this.measured.replaceChildren(...sentences.map((sentence) => h("p", {}, told(sentence))));
    } catch (error) {
      this.measured.replaceChildren(h("p.wrong", {}, reasonOf(error)));
    } finally {
      this.measureButton.disabled = false;
    }
  }

  refuse(error) {
    const { message, hint } = inWords(error);
    this.refusal.replaceChildren(h("div.card", { role: "alert" }, h("h3", {}, message), h("p", {}, hint)));
    this.refusal.scrollIntoView({ block: "nearest" });
  }
}

function batchPicture({ image, map, name, caption, flipped }) {
  const mirrored = flipped ? h("span.hint", {}, ` ${t("mirrored")}`) : null;
  const seen = [[image, name], [map, t("The map")]].filter(([content]) => content);
  return h("figure", {}, ...seen.map(([content, alt]) => h("img", { src: `data:image/jpeg;base64,${content}`, alt })),
    h("figcaption", {}, caption || t("without a caption"), mirrored));
}
