// The pictures of the Extras tab: one or several, chosen, dropped, pasted or sent from another tab.
import { ChosenFiles } from "../core/chosen_files.js";
import { byId, t, visible } from "../core/dom.js";

const BY = 0;      // resize_mode
const FOLDER = "extras_batch_directory_tab";

export const startExtras = (tab) => new ExtrasPictures(tab);

/** The field for pictures, and what the tab sends of them. */
class ExtrasPictures {
  constructor(tab) {
    this.tab = tab;
    this.files = new ChosenFiles("div.extras-pictures", {
      onChosen: (given) => this.take(given),
      onOne: (image) => this.sized(image),
    });
    Object.assign(tab, { take: (given) => this.take(given), prepare: () => this.prepare(), sends: () => this.sends() });
    new MutationObserver(() => this.place()).observe(byId("mode_extras"), { childList: true, subtree: true });
    this.place();
    tab.form.onChange(showSizes);
    showSizes(tab.form.values);
  }

  place() { this.files.place(byId("extras_image")); }

  /** These pictures instead of those that were there. */
  take(given) {
    if (!given.length) return;
    if (visible(FOLDER)) byId("extras_single_tab-button").click();
    this.files.replace(given);
  }

  /** The place of the result takes the proportions of the image, if there is one alone. */
  sized(image) {
    this.tab.size = image && { width: image.naturalWidth, height: image.naturalHeight };
    this.tab.results.draw();
  }

  sends() { return this.files.size > 1 ? t("Sending the pictures…") : t("Sending the picture…"); }

  /** Send the pictures; the form then names them. Throws Refused or Lost. */
  async prepare() {
    const { form } = this.tab;
    if (visible(FOLDER)) return form.fill({ images: [], infotexts: [], batch_source: "folder" });
    if (!this.files.size)
      throw {
        reply: {
          error: "invalid",
          message: t("There is no picture to enlarge."),
          hint: t("Drop one into the field first."),
        },
      };
    const sent = await this.files.send();
    return form.fill({
      images: sent.map(({ image }) => image),
      infotexts: sent.map(({ infotext }) => infotext),
      batch_source: "",
    });
  }
}

/** Only the numbers of the chosen way to say how large. */
function showSizes({ resize_mode }) {
  byId("extras_settings").classList.toggle("scales-to", Number(resize_mode) !== BY);
}
