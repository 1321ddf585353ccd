// What can be done with the chosen pictures, as buttons.
import { h, iconButton, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { MOST_COMPARED, editButton, openEditor } from "../core/picture_data.js";
import { inWords, reasonOf } from "../core/server.js";
import { saveAs } from "../core/save_as.js";
import { forEditor, shelf } from "../core/shelf.js";
import { sendToControl, sendToExtras, sendToImg2img, sendToTxt2img } from "../generation/send_to.js";
import { varyPicture } from "../generation/variants.js";
import { confirmed, oneOf, textFor } from "./dialogs.js";
import { downloadContactSheet, downloadZip } from "./downloads.js";

const SHOWN_NAMES = 6;      // of a renaming's preview
const MOST_EDITED = 500;      // pictures whose data are edited together
const PATTERN_HELP = "As for saving: [date], [seed], [model_name], [prompt_words] …; [generation_number] counts.";

export class Acts {
  /** library: the page: { changed(revision), destinations(), again, viewer, inTrash, pictures } */
  constructor(library) { this.library = library; }

  /** For a single picture with all that is known of it. */
  forOne(picture) {
    if (this.library.inTrash) return this.forTrash({ pictures: [picture.id] });
    const which = { pictures: [picture.id] }, seen = { url: shelf.file(picture), infotext: picture.infotext ?? "" };
    const sends = picture.broken ? [] : [
      picture.infotext ? iconButton("words", t("Send to txt2img"), () => sendToTxt2img(picture.infotext)) : null,
      iconButton("image", t("Send to img2img"), () => sendToImg2img(seen, "image")),
      iconButton("brush", t("Send to inpaint"), () => sendToImg2img(seen, "mask")),
      iconButton("enlarge", t("Send to extras"), () => sendToExtras(seen)),
      iconButton("follow", t("Send to ControlNet"), () => sendToControl(seen)),
      picture.infotext ? iconButton("variants", t("Vary this"), () => varyPicture(picture)) : null,
      picture.infotext ? iconButton("refresh", t("Make it again, and compare"), () => this.makeAgain(picture)) : null,
    ];
    return [
      ...sends.filter(Boolean),
      picture.broken ? null : editButton([forEditor(picture)]),
      iconButton("download", t("Download"), () => saveAs(seen.url, picture.name)),
      ...this.forFiles(which, picture.read_only),
    ].filter(Boolean);
  }

  forMany(selection) {
    const { which, pictures } = selection;
    if (this.library.inTrash) return this.forTrash(which);
    return [
      pictures.length === 2
        ? iconButton("compare", t("Compare the two"), () => this.library.compare(...pictures))
        : null,
      pictures.length > 1 && pictures.length <= MOST_COMPARED
        ? iconButton("words", t("Compare their data"), () => openEditor(forData(pictures), true))
        : null,
      iconButton("pencil", t("Edit the data"), () => this.edit(selection)),
      iconButton("download", t("Download as a zip"), () => this.zip(which)),
      iconButton("sheet", t("Contact sheet"), () => downloadContactSheet(which)),
      ...this.forFiles(which, false),
    ].filter(Boolean);
  }

  forFiles(which, readOnly) {
    if (readOnly) return [];
    return [
      iconButton("folders", t("Move to a folder"), () => this.move(which)),
      iconButton("rename", t("Rename by a pattern"), () => this.rename(which)),
      iconButton("trash", t("To the trash (Delete)"), () => this.trash(which)),
    ];
  }

  forTrash(which) {
    return [iconButton("restore", t("Back to where it was"), () => this.attempt(() => shelf.restore(which)))];
  }

  /** Do it, tell what did not go, and look anew. Resolves with the answer, or null. looks: what is looked at anew */
  async attempt(deed, looks = () => this.library.changed()) {
    try {
      const done = await deed();
      const [problem] = done?.problems ?? [];
      if (problem) notice("library", problem.message);
      await looks();
      return done ?? {};
    } catch (error) {
      notice("library", reasonOf(error));
      return null;
    }
  }

  /** The data of the chosen ones, together; of a whole search, of the first. */
  async edit({ which, pictures }) {
    const found = which.pictures ? { pictures } : await shelf.list({ ...which, limit: MOST_EDITED }).catch(() => null);
    if (!found) return notice("library", t("The server did not answer. Please try again."));
    const { total = 0, pictures: chosen } = found;
    if (total > MOST_EDITED) notice("library", t("These are the first {n} of them.", { n: MOST_EDITED }));
    openEditor(forData(chosen));
  }

  makeAgain(picture) {
    this.library.again.run(picture);
    this.library.drawPanel();
  }

  async zip(which) {
    const withData = await oneOf(t("Download as a zip"), [
      { name: t("With their generation data"), value: true }, { name: t("Without any data"), value: false },
    ]);
    if (withData !== null) downloadZip(which, withData);
  }

  async move(which) {
    const known = h("datalist", { id: "library_folder_names" },
      this.library.destinations().map((place) => h("option", place)));
    const title = t("Move to a folder"), label = t("Folder, by its path; a new one is made");
    const asking = textFor(title, { label, yes: t("Move"), below: known });
    document.querySelector(".library-dialog .library-text").setAttribute("list", known.id);
    const folder = await asking;
    if (folder) await this.attempt(() => shelf.move(which, folder));
  }

  async rename(which) {
    const shown = h("ul.library-names");
    const preview = async (pattern) => {
      const found = await shelf.rename(which, pattern, true).catch((error) => ({ said: inWords(error).message }));
      shown.replaceChildren(...previewed(found));
    };
    const pattern = await textFor(t("Rename by a pattern"), {
      label: t("Pattern"), value: "", yes: t("Rename"), changed: preview,
      below: h("div", {}, h("p.hint", {}, t(PATTERN_HELP)), shown),
    });
    if (pattern) await this.attempt(() => shelf.rename(which, pattern, false));
  }

  async trash(which) {
    const done = await this.attempt(() => shelf.trash(which));
    if (done) notice("library", t("In the trash, from which they can be brought back."), 4);
  }

  async emptyTrash() {
    const sure = await confirmed(t("Empty the trash"), t("These files are deleted for good."), t("Delete for good"));
    if (sure) await this.attempt(() => shelf.emptyTrash());
  }
}

const forData = (pictures) => pictures.filter(({ broken }) => !broken).map(forEditor);

function previewed({ names, said }) {
  if (said) return [h("li.wrong", {}, said)];
  const more = names.length > SHOWN_NAMES ? [h("li", {}, t("and {n} more", { n: names.length - SHOWN_NAMES }))] : [];
  return [...names.slice(0, SHOWN_NAMES).map(({ before, after, problem }) =>
    h(problem ? "li.wrong" : "li", {}, problem ? `${before}: ${problem}` : `${before} → ${after}`)), ...more];
}
