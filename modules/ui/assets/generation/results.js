// Where the picture is: preview, pictures, progress, errors, generation data.
import { byId, copy, duration, h, iconButton, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { server } from "../core/server.js";
import { hasSeed, Lightbox } from "./lightbox.js";
import { enlarge, sendToExtras, sendToImg2img } from "./send_to.js";

const called = (picture) => (hasSeed(picture) ? t("Picture with seed {seed}", { seed: picture.seed }) : t("Picture"));

/** A picture and those that are returned with it, such as its mask: these have no generation data. */
const withReturned = (picture) => [picture, ...(picture.returned ?? []).map((_, place) => ({ ...picture, index: `${picture.index}/returned/${place}`, infotext: "" }))];

const SENDS = [
  { icon: "image", name: "Send to img2img", send: (picture) => sendToImg2img(picture, "image") },
  { icon: "brush", name: "Send to inpaint", send: (picture) => sendToImg2img(picture, "mask") },
  { icon: "enlarge", name: "Send to extras", send: sendToExtras },
  { icon: "sparkles", name: "Upscale with hires fix", send: enlarge, only: "txt2img" },
];

/** A model's misfit tells which tensor, behind a colon. */
function headlined({ error, message }) {
  const [headline, ...raw] = error === "model_mismatch" ? message.split(": ") : [message];
  return raw.length ? { headline: `${headline}.`, raw: raw.join(": ") } : { headline: headline || t("Something went wrong."), raw: "" };
}

/** Copies the picture on the server, or all of the job, as the settings have it, and tells where to. */
async function saveByHand(job, index) {
  try {
    const { files } = await server.save(job, index);
    notice("save", files.length > 1 ? t("{n} pictures saved, the last as {file}", { n: files.length, file: files.at(-1) }) : t("Saved as {file}", { file: files[0] }));
  } catch ({ reply }) {
    notice("save", reply ? [reply.message, reply.hint].filter(Boolean).join(" ") : t("The server did not answer. Please try again."));
  }
}

export function createResults(panel) {
  const { tab, form, job } = panel;
  const parts = {
    stage: h("div.stage"),
    bar: h("div.bar", {}, h("span")),
    progress: h("p.progress-text"),
    thumbs: h("div.thumbs", { role: "listbox", "aria-label": t("Pictures") }),
    notes: h("div.notes", { role: "status" }),
    data: h("div.generation-data"),
  };
  let chosen = null;          // the picture the person clicked; null: the preview while running, else the first
  let refusal = null;         // an error from before there was a job
  let preparing = "";         // what is done before there is a job
  let examples = [];          // what the loaded model draws well
  let size = null;            // of the picture at `url`, as it was when it loaded
  let drawn = {};             // what is on the page, so that nothing is built twice

  const results = { start, refuse, clear, prepare, showExamples, redraw: draw, get picture() { return shownPicture(); } };

  const lightbox = new Lightbox((step) => { choose(neighbour(step)); return shownPicture(); });

  function start() {
    byId(`${tab}_gallery`).replaceChildren(
      h("div.results", {}, parts.stage, h("div.progress", { role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, parts.bar, parts.progress), parts.thumbs, parts.notes),
    );
    byId(`html_info_${tab}`).replaceChildren(parts.data);
    job.onUpdate(update);
    form.onChange(shape);
    draw();
  }

  /** Show an error in place of the picture; the form stays as it is. */
  function refuse(error) {
    refusal = error;
    chosen = null;
    draw();
  }

  function clear() {
    refusal = null;
    chosen = null;
  }

  function prepare(text) {
    preparing = text;
    draw();
  }

  function showExamples(found) {
    examples = found ?? [];
    draw();
  }

  function update(record) {
    if (record?.id !== drawn.job) clear();
    refusal = record?.error ?? null;
    draw();
  }

  function pictures() {
    return (job.current?.pictures ?? []).flatMap(withReturned).map((picture) => ({ ...picture, url: server.picture(job.current.id, picture.index) }));
  }

  function shownPicture() {
    const all = pictures();
    return all.find((picture) => picture.index === chosen) ?? (job.running ? null : all.find(({ whole }) => whole) ?? all[0] ?? null);
  }

  /** An error stands where the picture would be, until one is chosen. */
  const refused = () => refusal !== null && chosen === null;
  const onStage = () => (refused() || preparing ? null : shownPicture());

  function choose(index) {
    chosen = index;
    draw();
  }

  function neighbour(step) {
    const all = pictures();
    const at = all.findIndex((picture) => picture.index === shownPicture()?.index);
    return all.length ? all[(at + step + all.length) % all.length].index : null;
  }

  function draw() {
    const record = job.current;
    drawn.job = record?.id;
    drawStage(record);
    drawProgress(record);
    drawThumbs(record);
    drawNotes(record);
    drawData();
  }

  /** Rebuild only what changed: `key` says what a part shows. */
  function once(part, key, build) {
    if (drawn[part] === key) return;
    drawn[part] = key;
    parts[part].replaceChildren(...build());
  }

  function drawStage(record) {
    const picture = onStage();
    shape();
    parts.stage.classList.toggle("refused", refused());
    if (refused()) return once("stage", "error " + JSON.stringify(refusal), () => [card(refusal)]);
    if (preparing) return once("stage", "waiting", () => [h("div.empty.waiting")]);
    if (picture) return once("stage", picture.url, () => [large(picture)]);
    if (job.running && record.preview) return preview(record);
    if (job.running) return once("stage", "waiting", () => [h("div.empty.waiting")]);
    once("stage", "examples " + JSON.stringify(examples), () => [welcome()]);
  }

  /** The stage has the form's proportions, so that nothing jumps when the picture comes. */
  function shape() {
    const { width, height } = measured() ?? (job.current?.params?.width ? job.current.params : panel.size ?? form.values);
    parts.stage.style.setProperty("--shape", `${Number(width) || 1} / ${Number(height) || 1}`);
    parts.stage.style.setProperty("--ratio", (Number(width) || 1) / (Number(height) || 1));
  }

  /** The shown picture's own size, once it is known: hires fix and Extras make other sizes than the form says. */
  const measured = () => (size && size.url === shownPicture()?.url ? size : null);

  function measure({ url }, { naturalWidth, naturalHeight }) {
    size = { url, width: naturalWidth, height: naturalHeight };
    shape();
    drawProgress(job.current);
  }

  function large(picture) {
    const image = h("img.large", { src: picture.url, alt: called(picture), title: t("Click for the whole window"), onload: () => measure(picture, image) });
    const open = h("button.open", { type: "button", onclick: () => lightbox.open(picture) }, image);
    const download = h("a.tool.download", { href: picture.url, download: "", title: t("Download") }, t("Download"));
    const save = Number.isInteger(picture.index) ? iconButton("floppy", t("Save"), () => saveByHand(job.current.id, picture.index)) : [];
    const sends = SENDS.filter(({ only }) => !only || only === tab).map(({ icon, name, send }) => iconButton(icon, t(name), () => send(picture, panel)));
    return h("div.picture", {}, open, h("div.over", {}, sends, save, download));
  }

  /** Swap the preview only once it has loaded, so that it never blinks. */
  function preview(record) {
    if (drawn.stage === record.preview) return;
    drawn.stage = record.preview;
    const number = /n=(\d+)/.exec(record.preview)?.[1] ?? "";
    const image = h("img.large.preview", { alt: t("Preview"), src: server.preview(record.id, number) });
    image.decode().then(() => drawn.stage === record.preview && parts.stage.replaceChildren(h("div.picture", {}, image)), () => {});
  }

  /** What happened and what to do, in words; names that only a programmer knows are among the details. */
  function card(error) {
    const { headline, raw } = headlined(error);
    return h("div.card", { role: "alert" },
      h("h3", {}, headline),
      error.hint ? h("p", {}, error.hint) : null,
      h("details", {}, h("summary", {}, t("Details")), raw ? h("p", {}, raw) : null, h("code", {}, [error.error, job.current?.id].filter(Boolean).join(" · "))));
  }

  function welcome() {
    if (!examples.length) return h("div.empty", {}, h("p", {}, t("Your pictures appear here.")));
    const chips = examples.slice(0, 4).map((example) => {
      const patch = typeof example === "string" ? { prompt: example } : example;
      return h("button.example", { type: "button", onclick: () => panel.generate(patch) }, patch.prompt);
    });
    return h("div.empty.welcome", {}, h("p", {}, t("Describe a picture, or try one of these")), h("div.examples", {}, chips));
  }

  function drawProgress(record) {
    const percent = job.running ? Math.round(record.fraction * 100) : 0;
    const holder = parts.bar.parentElement;
    holder.classList.toggle("active", job.running);
    holder.setAttribute("aria-valuenow", percent);
    holder.setAttribute("aria-label", t("Progress"));
    parts.bar.firstChild.style.width = `${percent}%`;
    parts.progress.textContent = preparing || (job.running ? progressText(record, percent) : caption(record));
  }

  function progressText(record, percent) {
    if (record.state === "queued") return queueText(record);
    const step = record.steps ? t("step {n} of {total}", { n: record.step, total: record.steps }) : null;
    return listed(which(record), step, `${percent} %`, record.eta === null ? null : duration(record.eta));
  }

  /** Which of how many pictures, if there are several. */
  const which = ({ asked, made }) => (asked > 1 ? t("picture {n} of {total}", { n: Math.min(made + 1, asked), total: asked }) : null);

  /** What the shown picture is, once nothing moves any more. */
  function caption(record) {
    const picture = onStage();
    const seed = hasSeed(picture) ? t("seed {seed}", { seed: picture.seed }) : null;
    const { width, height } = measured() ?? record?.params ?? {};
    return listed(...outcome(record), picture && !picture.whole ? t("not finished") : null, seed, picture && width ? `${width} × ${height}` : null);
  }

  /** What became of a job's pictures, if not each of them was made. */
  function outcome(record) {
    const { state, asked, made, pictures: known } = record ?? { pictures: [] };
    const half = known.filter(({ whole }) => !whole).length;
    if (state === "interrupted") return [t("Interrupted"), asked > 1 ? t("{n} of {total} finished", { n: made - half, total: asked }) : null];
    if (state !== "done") return [];
    return [half ? t("{n} skipped", { n: half }) : null, made < asked ? t("{n} left out", { n: asked - made }) : null];
  }

  const listed = (...parts) => parts.filter(Boolean).join(" · ");

  function queueText({ ahead }) {
    if (ahead) return t("Waiting, {n} ahead", { n: ahead });
    return byId("quicksettings").classList.contains("loading") ? t("Waiting for the model to load") : t("Starting…");
  }

  function drawThumbs(record) {
    const all = pictures();
    const wanted = all.length > 1 || job.running || refusal ? all : [];      // a single picture needs none
    const selected = onStage()?.index;
    once("thumbs", `${record?.id} ${wanted.length} ${selected}`, () => wanted.map((picture, i) => thumb(picture, i + 1, picture.index === selected)));
  }

  /** What is not finished must not look like a result. */
  function thumb(picture, number, selected) {
    const name = picture.whole ? t("Picture {n}", { n: number }) : t("Picture {n}, not finished", { n: number });
    const image = h("img", { src: picture.url, alt: name, loading: "lazy" });
    return h(`button.thumb${picture.whole ? "" : ".half-made"}`, { type: "button", role: "option", "aria-selected": selected, title: name, onclick: () => choose(picture.index) }, image);
  }

  function drawNotes(record) {
    const warnings = record?.warnings ?? [];
    const failed = refusal && chosen !== null ? [refusal.message] : [];
    once("notes", JSON.stringify([warnings, failed]), () => [...failed, ...warnings].map((text) => h("p", {}, text)));
  }

  function drawData() {
    const picture = onStage();
    once("data", picture ? picture.url + picture.infotext : "", () => picture?.infotext
      ? [h("p.infotext", {}, picture.infotext), iconButton("copy", t("Copy the generation data"), (event) => copied(event, picture.infotext))] : []);
  }

  async function copied(event, text) {
    const button = event.currentTarget;
    await copy(text);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  }

  return results;
}
