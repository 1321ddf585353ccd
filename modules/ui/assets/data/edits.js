// What somebody has changed of a picture's data, as the server takes it; and the choices of taking data away.

/** STRIPS: what can be taken away, in the server's word and in a person's. */
export const STRIPS = [
  ["all", "Everything"],
  ["infotext", "All generation data"],
  ["prompt", "Prompts"],
  ["seed", "Seeds"],
  ["models", "Names and hashes of models"],
  ["workflows", "Workflows of other programs"],
  ["texts", "All other texts"],
  ["exif", "EXIF (camera, place, dates)"],
  ["xmp", "XMP (title, author, rating …)"],
  ["iptc", "IPTC"],
  ["c2pa", "Content credentials (C2PA)"],
];

export const DESCRIPTIVE = [
  ["title", "Title"], ["author", "Author"], ["copyright", "Copyright"], ["rating", "Rating"],
  ["description", "Description"], ["keywords", "Keywords"],
];

/** The edit that makes `now` of `before`; {} if they are the same. Both: { infotext, texts: { keyword: text },
 * descriptive }
 */
export function editBetween(before, now) {
  const edit = {};
  if (now.infotext.trim() !== before.infotext.trim()) edit.infotext = now.infotext;
  const texts = changedOf(before.texts, now.texts);
  if (texts) edit.texts = texts;
  const descriptive = changedOf(before.descriptive, now.descriptive);
  if (descriptive) edit.descriptive = descriptive;
  return edit;
}

/** What of a form's parts is changed, in the server's words: pairs of no field count as fields by their keys. */
export function changedParts(before, now) {
  const pairs = ({ unknown }) => Object.fromEntries(unknown.filter(([key]) => key.trim()));
  const fields = changedOf({ ...pairs(before), ...before.fields }, { ...pairs(now), ...now.fields });
  return { tab: before.tab, fields: fields ?? {}, settings: changedOf(before.settings, now.settings) ?? {} };
}

/** Names whose values differ, null for one that is gone; null if there is none. */
function changedOf(before, now) {
  const names = Object.keys({ ...before, ...now });
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]));
  return changed.length ? Object.fromEntries(changed.map((name) => [name, now[name] ?? null])) : null;
}

export const isEmpty = (edit) => !Object.keys(edit).length;

/** Keywords as they are typed, with commas between. */
export const keywordsOf = (text) => text.split(",").map((each) => each.trim()).filter(Boolean);

/** The preset of a comparison, in the names of the form's controls. names: the script's arguments in their order, some
 * of which have no control; controls: argument → control
 */
export const presetFields = ({ script_name: name, script_args: values }, names, controls) => ({
  script_name: name,
  ...Object.fromEntries(names.map((argument, i) => [controls[argument], values[i]])
    .filter(([control, value]) => control !== undefined && value !== undefined)),
});
