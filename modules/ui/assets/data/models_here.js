// The models that are here, as generation data name them.
import { hashIn, offered } from "../core/choices.js";
import { h } from "../core/dom.js";
import { textBox } from "./control.js";

const FOLDERS = /^.*[\\/]/, ENDING = /\.(safetensors|ckpt|pth?|bin|gguf)$/;
const LIST = "data_models_here";

// A1111's keys.
export const MODEL = "Model";
export const MODEL_HASH = "Model hash";

/** Model's name → its hash, "" where that is not known yet. */
const modelsHere = () => new Map(offered("titled_checkpoints").map(([title, file]) =>
  [file.replace(FOLDERS, "").replace(ENDING, ""), hashIn(title)]));

/** A box for a model's name that offers those that are here; changed(name, hash of one that is here) */
export function modelBox(value, changed, more) {
  const here = modelsHere();
  const list = h("datalist", { id: LIST }, [...here.keys()].map((name) => h("option", { value: name })));
  const box = textBox(value, (name) => changed(name, here.get(name)), more);
  box.setAttribute("list", LIST);
  return [box, list];
}
