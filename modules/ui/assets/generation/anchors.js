// Elements of A1111's page that Easel draws otherwise or not at all: other scripts look for their ids, click them, and
// put their own elements into them.
import { hashIn } from "../core/choices.js";
import { byId, h } from "../core/dom.js";

/** Append what the page does not have yet. */
const put = (place, ...elements) => place.append(...elements.filter(({ id }) => !byId(id)));

const hidden = (id, onclick) => h("button", { id, type: "button", hidden: true, onclick });

/** Anchors outside the tabs; the settings' are there once gradio has drawn them. */
export function startPageAnchors() {
  const tabs = byId("tabs");
  if (tabs && !byId("footer")) tabs.after(h("div", { id: "footer" }, h("a", { id: "sd_checkpoint_hash" })));
  const bar = byId("settings_bar");
  if (!bar || byId("settings")) return;
  bar.parentElement.id = "settings";
  bar.append(hidden("settings_restart_gradio", () => location.reload()));
}

/** Anchors around a tab's pictures; the buttons under them have A1111's ids themselves (action_row.js). */
export function startAnchors(tab) {
  const name = tab.tab;
  const data = h("div", { id: `generation_info_${name}`, hidden: true }, h("textarea"));
  put(
    byId(`${name}_gallery_container`),
    hidden(`${name}_generation_info_button`),
    h("div", { id: `html_log_${name}`, hidden: true }),
    data,
  );
  tab.job.onUpdate((record) => { data.firstChild.value = generationInfo(record); });
  tab.form.onChange(showHash);
  showHash(tab.form.values);
}

/** What A1111's page holds of the shown pictures, as far as other scripts read it. */
const generationInfo = (record) =>
  JSON.stringify({ infotexts: (record?.pictures ?? []).map(({ infotext }) => infotext), index_of_first_image: 0 });

/** The hash in the chosen checkpoint's title. */
function showHash({ sd_model_checkpoint: title }) {
  const hash = hashIn(title);
  const place = byId("sd_checkpoint_hash");
  if (place && place.title !== hash) place.title = hash;
}
