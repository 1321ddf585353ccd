// What comes into the pose editor from files and from the server, and what goes out of it.
import { t } from "../core/dom.js";
import { told } from "../core/png_metadata.js";
import { saveBlob } from "../core/save_as.js";
import { ask, reasonOf } from "../core/server.js";
import { poseJson, readPose } from "./pose.js";

export class PoseFiles {
  constructor(editor) { this.editor = editor; }

  /** A pose's JSON, or a picture: with a pose in it, or to have behind. */
  async open(file) {
    if (!file) return;
    try {
      if (!file.type.startsWith("image/")) return this.take(JSON.parse(await file.text()));
      const { texts } = await told(file);
      if (texts.openpose) return this.take(JSON.parse(texts.openpose));
      await this.editor.behind(file);
    } catch {
      this.editor.tell(t("{name} has no pose of openpose's 18 points.", { name: file.name }));
    }
  }

  take(json) {
    const { editor } = this;
    editor.put(readPose(json, editor.pose));
    editor.chosen = editor.pose.people.length ? { person: 0 } : {};
    editor.begin();
  }

  find() {
    return this.asks(async () => {
      const found = await this.editor.detect(this.editor.picture);
      if (found?.people?.length) this.take(found);
      else this.editor.tell(t("Nobody was found in the picture."));
    });
  }

  use() {
    return this.asks(async () => {
      this.editor.result = { file: await this.drawn(), pose: this.json };
      this.editor.dialog.close();
    });
  }

  saveJson() { saveBlob(new Blob([JSON.stringify(this.json)], { type: "application/json" }), "pose.json"); }

  savePng() { return this.asks(async () => saveBlob(await this.drawn(), "pose.png")); }

  get json() { return poseJson(this.editor.pose); }

  /** The server's map of the pose. */
  async drawn() {
    const { images: [image] } = await ask("../../controlnet/render_openpose_json", "POST", [this.json]);
    const bytes = Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0));
    return new File([bytes], "pose.png", { type: "image/png" });
  }

  /** Do what asks the server; why it could not be done is told. */
  async asks(deed) {
    try {
      await deed();
    } catch (error) {
      this.editor.tell(reasonOf(error));
    }
  }
}
