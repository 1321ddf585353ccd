// Cards in use: a click puts one into the form, the next one takes it out again.
import { byId } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { added, holds, removed, weighted } from "../prompt/insert.js";

export class Use {
  /** form: the values of a tab, as in generation/form.js */
  constructor(tab, form) {
    Object.assign(this, { form, target: "prompt", turn: Promise.resolve() });
    document.addEventListener("focusin", ({ target }) => {      // embeddings go where one typed last
      if (byId(`${tab}_prompt`)?.contains(target)) this.target = "prompt";
      if (byId(`${tab}_neg_prompt`)?.contains(target)) this.target = "negative_prompt";
    });
  }

  has(card) {
    const { prompt, negative_prompt, sd_model_checkpoint } = this.form.values;
    if (card.kind === "checkpoint") return isCheckpoint(card, sd_model_checkpoint);
    return holds(prompt ?? "", card.insert) || (card.kind === "embedding" && holds(negative_prompt ?? "", card.insert));
  }

  /**
   * One after the other, so that no click is lost to a quicker one. A file that cannot be read is of no use to anyone.
   */
  toggle(card) {
    if (card.problem && !this.has(card)) return notice("card", card.problem);
    this.turn = this.turn.then(() => (card.kind === "checkpoint" ? this.choose(card) : this.write(card)));
    return this.turn;
  }

  async write(card) {
    const { prompt, negative_prompt } = await this.form.now();
    const texts = { prompt: prompt ?? "", negative_prompt: negative_prompt ?? "" };
    this.form.fill(this.has(card) ? without(card, texts) : withCard(card, texts, this.target));
  }

  async choose(card) {
    this.form.fill({ sd_model_checkpoint: card.insert || path(card) });
  }
}

/** Whether the picker's value means this checkpoint: its file, with or without the ending. */
export const isCheckpoint = (card, chosen) =>
  [card.insert, path(card)].includes(chosen ?? "") || path(card) === chosen?.replace(/\.\w+$/, "");

const path = ({ folder, name }) => [folder, name].filter(Boolean).join("/");

function withCard(card, texts, target) {
  const negative_prompt = added(texts.negative_prompt, card.negative);
  if (card.kind === "embedding") {
    const both = { ...texts, negative_prompt };
    return { ...both, [target]: added(both[target], card.insert) };
  }
  return { prompt: added(texts.prompt, weighted(card.insert, card.weight), card.activation), negative_prompt };
}

function without(card, texts) {
  const negative_prompt = removed(texts.negative_prompt, card.negative);
  if (card.kind === "embedding")
    return { prompt: removed(texts.prompt, card.insert), negative_prompt: removed(negative_prompt, card.insert) };
  return { prompt: removed(texts.prompt, card.insert, card.activation), negative_prompt };
}
