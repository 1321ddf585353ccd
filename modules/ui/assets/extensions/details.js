// All that is known of one extension.
import { textButton } from "../core/dialog.js";
import { h, t } from "../core/dom.js";
import { reasonOf } from "../core/server.js";
import { asking } from "./asking.js";
import { installerOf } from "./installer.js";

const pair = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
const lines = (texts) => h("ul", {}, texts.map((text) => h("li", {}, text)));

/** newer: what an update would bring, if that is known; goBack(name, commit): null where nothing may be changed */
export function moreOf(extension, newer, goBack) {
  const { remote, commit_hash: commit, seconds, errors, scripts, settings, licence, earlier } = extension;
  const installer = installerOf(extension, !goBack);
  const code = h("dd", {}, t("Reading its code…"));
  readCode(extension.name, code);
  const spent = Object.entries(seconds).map(([moment, spentSeconds]) => `${moment} ${spentSeconds.toFixed(2)} s`);
  return h("dl.extension-facts", {},
    ...(remote ? pair(t("From"), h("a", { href: remote, target: "_blank", rel: "noreferrer" }, remote)) : []),
    ...(commit ? pair(t("Commit"), h("code", {}, commit)) : []),
    ...pair(t("Licence"), licence || t("no file says which")),
    h("dt", {}, t("Its code, as read")), code,
    ...(installer ? pair(t("What it needs"), installer) : []),
    ...(spent.length ? pair(t("Time in its code"), spent.join(" · ")) : []),
    ...(scripts.length ? pair(t("Scripts"), scripts.join(" · ")) : []),
    ...(settings.length ? pair(t("Settings"), settings.join(" · ")) : []),
    ...(errors.length ? pair(t("Errors"), lines(errors)) : []),
    ...(newer?.log?.length ? pair(t("An update brings"), lines(newer.log)) : []),
    ...(earlier.length && goBack ? pair(t("Go back to"), waysBack(extension.name, earlier, goBack)) : []),
  );
}

const waysBack = (name, earlier, goBack) =>
  h("div.extensions-bar.extension-earlier", {}, earlier.map((commit) =>
    textButton(commit.slice(0, 8), () => goBack(name, commit)),
  ));

async function readCode(name, place) {
  try {
    const { does, missing } = await asking.code(name);
    const absent = missing.length ? [t("Packages that are not installed: {names}", { names: missing.join(", ") })] : [];
    const found = [...does.map((sentence) => t(sentence)), ...absent];
    place.replaceChildren(found.length ? lines(found) : t("Nothing of note."));
  } catch (error) {
    place.replaceChildren(reasonOf(error));
  }
}
