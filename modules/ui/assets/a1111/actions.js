// A1111's functions that open a tab, draw or choose: each presses the button that a person would.

import { described, openTab } from "../core/dom.js";

const press = (id) => document.getElementById(id)?.click();

/** Open a tab of the page by its name, and one of img2img's by its number; the arguments are handed on. */
function opening(tab, mode = null) {
  return (...given) => {
    openPageTab(tab);
    if (mode !== null) openMode(mode);
    return given;
  };
}

/** Press a tab's button; a narrow window has it among "More tabs", without an id. */
function openPageTab(name) {
  const button = document.getElementById(`tab_${name}-button`);
  const title = described(`tab_${name}`)?.props.label;
  if (button) button.click();
  else if (title) openTab(title);
}

function openMode(number) {
  document.querySelectorAll("#mode_img2img > .tab-wrapper [role=tab]")[number]?.click();
}

/** A checkpoint for the page's forms, by title, name or a part of it from its beginning. */
function selectCheckpoint(name) {
  const { lists, start } = window.easel.facts;
  const titles = start.choices[lists.setting_sd_model_checkpoint].map((each) => (Array.isArray(each) ? each[1] : each));
  const found = titles.find((title) => title === name) ?? titles.find((title) => title.startsWith(name));
  if (found) window.easel.store("txt2img").fill({ sd_model_checkpoint: found });
}

const drawing = (tab) => (...given) => { press(`${tab}_generate`); return given; };

const ACTIONS = {
  switch_to_txt2img: opening("txt2img"),
  switch_to_img2img: opening("img2img", 0),
  switch_to_sketch: opening("img2img", 1),
  switch_to_inpaint: opening("img2img", 2),
  switch_to_inpaint_sketch: opening("img2img", 3),
  switch_to_img2img_tab: (number) => opening("img2img", number)(),
  switch_to_extras: opening("extras"),
  submit: drawing("txt2img"),
  submit_img2img: drawing("img2img"),
  submit_txt2img_upscale: (...given) => { press("txt2img_upscale"); return given; },
  restoreProgressTxt2img: () => press("txt2img_restore_progress"),
  restoreProgressImg2img: () => press("img2img_restore_progress"),
  selectCheckpoint,
};

export function startActions() {
  Object.assign(window, ACTIONS);
}
