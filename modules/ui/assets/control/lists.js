// What ControlNet's units may choose: read when the fold is first opened, and again at a person's wish.
import { ask } from "../core/server.js";

let known = null, knownFor = null;

/**
 * → { types: {name: lists}, modules: {title: {sliders, needs}} }; `again` reads the models' folders anew.
 * checkpoint: whose models a type chooses
 */
export function controlLists(checkpoint, again = false) {
  if (again || !known || checkpoint !== knownFor) {
    knownFor = checkpoint;
    const reading = known = read(checkpoint, again);
    reading.catch(() => { if (known === reading) known = null; });
  }
  return known;
}

async function read(checkpoint, again) {
  if (again) await ask("../../controlnet/model_list?update=true");
  const [types, modules] = await Promise.all([
    ask(`../../controlnet/control_types?checkpoint=${encodeURIComponent(checkpoint)}`),
    ask("../../controlnet/module_list?alias_names=true"),
  ]);
  return { types: types.control_types, modules: modules.module_detail };
}

/**
 * The map of a picture by a preprocessor, which may see a mask too: { url, a data: address, pose, openpose's JSON if
 * it shows one }.
 */
export async function detectMap(unit, image, mask) {
  const { images, poses } = await detected(unit, image, mask);
  return { url: `data:image/png;base64,${images[0]}`, pose: poses?.[0] ?? null };
}

/** The pose that a preprocessor finds in a picture, openpose's JSON; null if it finds none. */
export async function detectPose(module, image) {
  const { poses } = await detected({ module, processor_res: -1, threshold_a: -1, threshold_b: -1 }, image);
  return poses?.[0] ?? null;
}

function detected(unit, image, mask = image) {
  const body = {
    controlnet_module: unit.module,
    controlnet_input_images: [image],
    controlnet_masks: [mask],
    controlnet_processor_res: unit.processor_res,
    controlnet_threshold_a: unit.threshold_a,
    controlnet_threshold_b: unit.threshold_b,
  };
  return ask("../../controlnet/detect", "POST", body);
}
