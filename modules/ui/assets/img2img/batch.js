// img2img's Batch tab: many pictures, sent from here or taken from a folder of the server.
import { ChosenFiles } from "../core/chosen_files.js";
import { t, visible } from "../core/dom.js";

const FOLDER = "img2img_batch_from_dir_tab";

export class BatchPictures {
  constructor(form) {
    this.form = form;
    this.files = new ChosenFiles("div.batch-upload");
  }

  /** What is dropped on the page, or pasted; a folder of the server takes nothing. */
  take(given) { if (visible("img2img_batch_upload_tab")) this.files.add(given); }

  get active() { return visible("img2img_batch_tab"); }

  /** Are there masks to use the controls of inpainting for? */
  get masked() { return visible(FOLDER) && Boolean(this.form.get("batch_inpaint_mask_dir")?.trim()); }

  place() { this.files.place(document.querySelector("#img2img_batch_upload .batch-place")); }

  /** Have the form name the pictures, after they have been sent. Throws Refused or Lost. */
  async prepare() {
    const images = { init_images: [], mask: "" };
    if (visible(FOLDER)) return this.form.fill({ ...images, batch_source: "folder", batch_sent: [] });
    if (!this.files.size)
      throw {
        reply: {
          error: "invalid",
          message: t("There is no picture to start from."),
          hint: t("Drop some into the field first."),
        },
      };
    return this.form.fill({ ...images, batch_source: "upload", batch_sent: await this.files.send() });
  }
}
