import assert from "node:assert/strict";
import { test } from "node:test";
import { heardBy, openPage } from "./page.js";

const LOOPBACK = { loops: "script_loopback_loops", note: "script_loopback_note" };
openPage({ facts: { scripts: { img2img: { Loopback: LOOPBACK }, txt2img: {} }, arguments: { img2img: {}, txt2img: {} } } });
const { Form } = await import("../assets/generation/form.js");

const IDS = Object.fromEntries(
  ["prompt", "steps", "seed", "script_name", ...Object.values(LOOPBACK), "sd_model_checkpoint", "sd_vae"].map(
    (name) => [name, name],
  ),
);
const VALUES = {
  prompt: "",
  steps: 20,
  seed: "-1",
  script_name: "",
  script_loopback_loops: 4,
  script_loopback_note: "",
  sd_model_checkpoint: "tiny",
  sd_vae: "None",
  init_images: [],
};

function form(tab = "img2img") {
  delete heardBy[tab];
  return new Form(tab, { ids: IDS, values: VALUES, base: { prompt: "", steps: 20 } });
}

test("a request names fields, settings and the chosen script's arguments", () => {
  const it = form();
  it.fill({ prompt: "a fox", seed: 9007199254740993n, override_settings: { eta: 0.5 }, init_images: ["a.png"] });
  assert.deepEqual(it.request(), {
    kind: "img2img", fields: { prompt: "a fox", steps: 20, seed: "9007199254740993", init_images: ["a.png"] },
    settings: { sd_model_checkpoint: "tiny", sd_vae: "None", eta: 0.5 }, script: null, extensions: {},
  });
  it.fill({ script_name: "Loopback", script_loopback_loops: 2 });
  assert.deepEqual(it.request().script, { name: "Loopback", arguments: { loops: 2, note: "" } });
});

test("only controls are filled, and names that the form does not have are ignored", () => {
  const it = form();
  it.fill({ steps: 5, init_images: ["a.png"], nonsense: 1 });
  assert.deepEqual(heardBy.img2img.filled, [{ steps: 5 }]);
  assert.equal(it.get("nonsense"), undefined);
});

test("what is heard is in the values and told, and so is what was typed before the scripts listened", () => {
  delete heardBy.img2img;
  globalThis.easel.store("img2img").values = { prompt: "early" };
  const it = new Form("img2img", { ids: IDS, values: VALUES, base: {} });
  assert.equal(it.get("prompt"), "early");
  const told = [];
  it.onChange((values) => told.push([values.prompt, values.steps]));
  heardBy.img2img.onHear({ steps: 7 });
  assert.deepEqual([it.get("steps"), told], [7, [["early", 20], ["early", 7]]]);
});

test("untouched fields follow the model, changed ones and those that were asked for do not", async () => {
  const it = form();
  await it.followDefaults({ steps: 8, prompt: "usual" });
  assert.deepEqual([it.get("steps"), it.get("prompt")], [8, "usual"]);
  it.fill({ prompt: "mine" });
  it.ask({ steps: 8 });
  await it.followDefaults({ steps: 30, prompt: "other" });
  assert.deepEqual([it.get("steps"), it.get("prompt")], [8, "mine"]);
  assert.deepEqual(it.edited(), { prompt: "mine", steps: 8 });
});
