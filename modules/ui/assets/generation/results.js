// Where the picture is: preview, pictures, progress, errors, generation data.
import { bringIntoView, byId, copy, duration, h, iconButton, markGone, replaceKeepingFocus, t } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { editButton } from "../core/picture_data.js";
import { reasonOf, server } from "../core/server.js";
import { PlotGrid } from "../plots/plot_grid.js";
import { Viewer } from "../viewer/viewer.js";
import { ActionRow, actionTools } from "./action_row.js";
import { dataText } from "./data_text.js";
import { LostJob } from "./lost_job.js";
import { fillIn, pasteInfotext } from "./paste.js";
import { PictureSet } from "./picture_set.js";
import { refusalCard } from "./refusal.js";
import { TakenLine } from "./taken.js";
import { forgetHints, welcome } from "./welcome.js";

/** Pictures that Extras made of others' have none. */
const hasSeed = (picture) => ![undefined, null, ""].includes(picture?.seed);

const called = (picture) => (hasSeed(picture) ? t("Picture with seed {seed}", { seed: picture.seed }) : t("Picture"));

/** What the safety checker did about a picture, in words; "" if nothing. */
function verdict({ nsfw_content_detected: flagged, withheld }) {
  if (withheld === "refused") return t("Refused by the safety checker");
  if (withheld === "blurred") return t("Blurred by the safety checker");
  return flagged ? t("Flagged by the safety checker") : "";
}

/** A picture and those that are returned with it, such as its mask: these have no generation data. */
const withReturned = (picture) => [
  picture,
  ...(picture.returned ?? []).map((_, place) => ({
    ...picture,
    index: `${picture.index}/returned/${place}`,
    infotext: "",
  })),
];

/** A batch's grid before its pictures, if that is set. */
const gridsPlaced = (pictures) => {
  const isGrid = ({ kind }) => kind === "grid";
  return window.opts.grid_first ? [...pictures.filter(isGrid), ...pictures.filter((each) => !isGrid(each))] : pictures;
};

const LIVE = "preview";      // the kind of what is still being drawn
const STACKED = matchMedia("(max-width: 899px)");      // as in layout.css

/** With its address, which tells it from those of other jobs. */
const addressed = (picture) => ({ ...picture, url: server.picture(picture.job, picture.index) });

const modelLoads = () => byId("quicksettings").classList.contains("loading");

const listed = (...parts) => parts.filter(Boolean).join(" · ");

/** Which of how many pictures, if there are several. */
const which = ({ asked, made }) =>
  asked > 1 ? t("picture {n} of {total}", { n: Math.min(made + 1, asked), total: asked }) : null;

/** What became of a job's pictures, if not each of them was made. */
function outcome(record) {
  const { state, asked, made, pictures: known } = record ?? { pictures: [] };
  const half = known.filter(({ whole }) => !whole).length;
  if (state === "interrupted")
    return [t("Interrupted"), asked > 1 ? t("{n} of {total} finished", { n: made - half, total: asked }) : null];
  if (state !== "done") return [];
  return [half ? t("{n} skipped", { n: half }) : null, made < asked ? t("{n} left out", { n: asked - made }) : null];
}

export class Results {
  /** owner: the tab whose job and form these are */
  constructor(owner) {
    Object.assign(this, { owner, tab: owner.tab, form: owner.form, job: owner.job });
    this.parts = {
      stage: h("div.stage"),
      bar: h("div.bar", {}, h("span")),
      progress: h("p.progress-text"),
      thumbs: h("div.thumbs", { role: "listbox", "aria-label": t("Pictures") }),
      notes: h("div.notes", { role: "status" }),
      data: h("div.generation-data"),
    };
    this.chosen = null;          // the address of the picture the person clicked; null: the preview while running, else
                                 // the first
    this.set = new PictureSet(this.tab, () => this.draw());
    this.all = [];               // its pictures, as they were drawn last
    this.refusal = null;         // an error from before there was a job
    this.preparing = "";         // what is done before there is a job
    this.examples = [];          // what the loaded model draws well
    this.size = null;            // of the picture at its `url`, as it was when it loaded
    this.drawn = {};             // what is on the page, so that nothing is built twice
    this.loading = false;        // a preview is
    this.inGrid = false;         // the job's pictures are a plot's cells
    this.taken = new TakenLine();
    this.plot = new PlotGrid({
      use: (infotext) => pasteInfotext(infotext, this.form), extend: (job) => this.extend(job),
    });
    this.viewer = new Viewer({
      turn: (step) => { this.choose(this.neighbour(step)?.url); return this.inViewer(this.shownPicture()); },
      beside: (step) => this.neighbour(step),
      panel: ({ infotext }) => (infotext ? h("p.infotext", {}, infotext) : null),
      buttons: (picture) => this.viewerButtons(picture),
    });
    this.row = new ActionRow(owner);
  }

  get picture() { return this.shownPicture(); }

  /** Has the person chosen a picture, or is one open over the whole window? */
  get looked() { return this.chosen !== null || this.viewer.dialog.open; }

  start() {
    const { stage, bar, progress, thumbs, notes } = this.parts;
    const holder = h("div.progress", { role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, bar, progress);
    const { element: row } = this.row, { element: plot } = this.plot;
    byId(`${this.tab}_gallery`).replaceChildren(h("div.results", {}, stage, holder, row, plot, thumbs, notes));
    byId(`html_info_${this.tab}`).replaceChildren(
      this.parts.data, this.taken.element, new LostJob(this.job).element,
    );
    this.job.onUpdate((record) => this.update(record));
    this.form.onChange(() => this.shape());
    this.draw();
  }

  /** Show an error in place of the picture; the form stays as it is. */
  refuse(error) {
    this.refusal = error;
    this.chosen = null;
    this.draw();
  }

  clear() {
    this.refusal = null;
    this.chosen = null;
  }

  prepare(text) {
    this.preparing = text;
    this.draw();
  }

  /** A job was asked for: where the columns are stacked, its picture is looked for. */
  awaited() {
    forgetHints();
    if (STACKED.matches) bringIntoView(this.parts.stage, { block: "start" });
  }

  showExamples(found) {
    this.examples = found ?? [];
    this.draw();
  }

  update(record) {
    const was = this.viewer.shows(LIVE);
    this.set.take(record);
    if (record?.id !== this.drawn.job) this.clear();
    this.refusal = record?.error ?? null;
    this.draw();
    if (was && !this.job.running && this.shownPicture()) this.viewer.show(this.inViewer(this.shownPicture()));
  }

  shownPicture() {
    return (
      this.all.find(({ url }) => url === this.chosen) ??
      (this.job.running ? this.source() : this.firstOf()) ??
      null
    );
  }

  /** The picture that the job makes another of, as long as there is nothing else to see. */
  source() {
    const beside = this.job.current.preview ? null : this.set.beside(this.job.current.id);
    return this.all.find(({ job, index }) => job === beside?.job && index === beside.index);
  }

  /** What is shown until something is chosen: a grid, of a plot or as is set, else the job's first whole picture. */
  firstOf() {
    const { all } = this, own = all.filter(({ job }) => job === this.job.current?.id);
    const grid = this.inGrid || window.opts.grid_first ? own.find(({ kind }) => kind === "grid") : null;
    return grid ?? own.find(({ whole }) => whole) ?? own[0] ?? all.find(({ whole }) => whole) ?? all[0];
  }

  /** An error stands where the picture would be, until one is chosen. */
  refused() { return this.refusal !== null && this.chosen === null; }
  onStage() { return (this.refused() || this.preparing ? null : this.shownPicture()); }

  choose(url) {
    this.chosen = url;
    this.draw();
  }

  neighbour(step) {
    const { all } = this, shown = this.shownPicture()?.url;
    const at = all.findIndex(({ url }) => url === shown);
    return all.length ? all[(at + step + all.length) % all.length] : null;
  }

  /** What the whole window shows: a picture, or while none is chosen the newest preview. */
  inViewer(picture) {
    if (!picture && this.job.running) {
      const { id, preview } = this.job.current;
      const url = server.preview(id, /n=(\d+)/.exec(preview ?? "")?.[1] ?? "");
      return { url, kind: LIVE, name: t("Preview"), caption: t("Preview") };
    }
    const caption = hasSeed(picture) ? t("Seed {seed}", { seed: picture.seed }) : t("Picture");
    return picture && { ...picture, name: called(picture), caption };
  }

  draw() {
    const record = this.job.current;
    this.all = gridsPlaced(this.set.pictures()).flatMap(withReturned).map(addressed);
    this.drawn.job = record?.id;
    this.inGrid = this.plot.follow(record);
    this.drawStage(record);
    this.drawProgress(record);
    this.drawThumbs(record);
    this.drawNotes(record);
    this.drawData();
    this.row.follow(this.onStage());
    this.taken.follow(record);
  }

  /** Rebuild only what changed: `key` says what a part shows. */
  once(part, key, build) {
    if (this.drawn[part] === key) return;
    this.drawn[part] = key;
    replaceKeepingFocus(this.parts[part], build());
  }

  drawStage(record) {
    const picture = this.onStage();
    this.shape();
    this.parts.stage.classList.toggle("refused", this.refused());
    if (this.refused())
      return this.once("stage", "error " + JSON.stringify(this.refusal), () => [refusalCard(this.refusal, record?.id)]);
    if (this.preparing) return this.once("stage", "waiting", () => [h("div.empty.waiting")]);
    if (picture) return this.once("stage", picture.url, () => [this.large(picture)]);
    if (this.job.running && record.preview) return this.preview(record);
    if (this.job.running) return this.once("stage", "waiting", () => [h("div.empty.waiting")]);
    this.once("stage", "examples " + JSON.stringify(this.examples), () => [
      welcome(this.examples, (patch) => this.owner.generate(patch)),
    ]);
  }

  /** The stage has the form's proportions, so that nothing jumps when the picture comes. */
  shape() {
    const { width, height } =
      this.measured() ??
      (this.job.current?.params?.width ? this.job.current.params : (this.owner.size ?? this.form.values));
    this.parts.stage.style.setProperty("--shape", `${Number(width) || 1} / ${Number(height) || 1}`);
    this.parts.stage.style.setProperty("--ratio", (Number(width) || 1) / (Number(height) || 1));
  }

  /** The shown picture's own size, once it is known: hires fix and Extras make other sizes than the form says. */
  measured() { return (this.size && this.size.url === this.shownPicture()?.url ? this.size : null); }

  measure({ url }, { naturalWidth, naturalHeight }) {
    this.size = { url, width: naturalWidth, height: naturalHeight };
    this.shape();
    this.drawProgress(this.job.current);
  }

  large(picture) {
    const image = h("img.large", {
      src: picture.url,
      alt: called(picture),
      title: t("Click for the whole window"),
      onload: () => this.measure(picture, image),
      onerror: () => image.closest(".picture")?.replaceWith(h("div.gone", {}, t("Not here any more"))),
    });
    const open = h("button.open", { type: "button", onclick: () => this.viewer.open(this.inViewer(picture)) }, image);
    const said = verdict(picture);
    if (picture.withheld === "refused")      // there is nothing to send, to save or to look at more closely
      return h("div.picture", {}, image, h("p.verdict.in-place", {}, said));
    const badge = said ? h("p.verdict", {}, said) : [];
    return h("div.picture", {}, open, badge);
  }

  /** Swap the preview only once it has loaded, so that it never blinks; the next one is fetched after that. */
  async preview({ id, preview }) {
    if (this.drawn.stage === preview || this.loading) return;
    this.drawn.stage = preview;
    this.loading = true;
    const image = h("img.large.preview", {
      alt: t("Preview"),
      src: server.preview(id, /n=(\d+)/.exec(preview)?.[1] ?? ""),
    });
    // there is none any more once the job has ended
    const loaded = await image.decode().then(() => true, () => false);
    this.loading = false;
    if (loaded && this.drawn.stage === preview) {
      const open = h("button.open", { type: "button", onclick: () => this.viewer.open(this.inViewer(null)) }, image);
      replaceKeepingFocus(this.parts.stage, [h("div.picture", {}, open)]);
      if (this.viewer.shows(LIVE)) this.viewer.show(this.inViewer(null));
    }
    this.draw();
  }

  drawProgress(record) {
    const percent = this.job.running ? Math.round(record.fraction * 100) : 0;
    const holder = this.parts.bar.parentElement;
    holder.classList.toggle("active", this.job.running);
    holder.setAttribute("aria-valuenow", percent);
    holder.setAttribute("aria-label", t("Progress"));
    this.parts.bar.firstChild.style.width = `${percent}%`;
    this.parts.progress.textContent =
      this.preparing || (this.job.running ? this.progressText(record, percent) : this.caption(record));
  }

  progressText(record, percent) {
    if (record.state === "queued" || (!record.fraction && modelLoads())) return this.queueText(record);
    const step = record.steps ? t("step {n} of {total}", { n: record.step, total: record.steps }) : null;
    return listed(which(record), step, `${percent} %`, record.eta === null ? null : duration(record.eta));
  }

  /** What the shown picture is, once nothing moves any more. */
  caption(record) {
    const picture = this.onStage();
    const seed = hasSeed(picture) ? t("seed {seed}", { seed: picture.seed }) : null;
    const { width, height } = this.measured() ?? record?.params ?? {};
    return listed(
      ...outcome(record),
      picture && !picture.whole ? t("not finished") : null,
      seed,
      picture && width ? `${width} × ${height}` : null,
    );
  }

  queueText({ ahead }) {
    if (ahead) return t("Waiting, {n} ahead", { n: ahead });
    return modelLoads() ? t("Waiting for the model to load") : t("Starting…");
  }

  drawThumbs(record) {
    const { all } = this;
    const several = all.length > 1 || this.job.running || this.refusal;
    const wanted = several && !this.inGrid ? all : [];      // a single picture needs none, nor do a plot's cells
    const selected = this.onStage()?.url;
    this.once("thumbs", JSON.stringify([record?.id, selected, wanted.map(({ url }) => url)]), () =>
      wanted.map((picture, i) => this.thumb(picture, i + 1, picture.url === selected)),
    );
  }

  /** What is not finished must not look like a result. */
  thumb(picture, number, selected) {
    const known = picture.whole ? t("Picture {n}", { n: number }) : t("Picture {n}, not finished", { n: number });
    const said = verdict(picture);
    const name = said ? `${known}: ${said}` : known;
    const small = Number.isInteger(picture.index) && picture.whole;
    const src = small ? server.thumbnail(picture.job, picture.index) : picture.url;
    const image = h("img", { src, alt: name, loading: "lazy", onerror: () => markGone(image) });
    return h(
      `button.thumb${picture.whole ? "" : ".half-made"}${said ? ".flagged" : ""}`,
      {
        type: "button",
        role: "option",
        "aria-selected": selected,
        title: name,
        onclick: () => this.choose(picture.url),
      },
      image,
    );
  }

  drawNotes(record) {
    const warnings = record?.warnings ?? [];
    const failed = this.refusal && this.chosen !== null ? [this.refusal.message] : [];
    this.once("notes", JSON.stringify([warnings, failed]), () =>
      [...failed, ...warnings].map((text) => h("p", {}, text)),
    );
  }

  drawData() {
    const picture = this.onStage();
    this.once("data", picture ? picture.url + picture.infotext : "", () =>
      picture?.infotext
        ? [
            dataText(picture.infotext),
            iconButton("copy", t("Copy the generation data"), (event) => this.copied(event, picture.infotext)),
            ...this.editing(picture),
          ]
        : [],
    );
  }

  /** A plot's request into the form, to draw new values beside the old ones. */
  async extend(job) {
    try {
      const found = await server.queuedRequest(job);
      found.script.arguments.reuse_cells = true;
      fillIn(found, this.form);
      notice("plot", t("Add values and press Generate: only new cells are drawn."));
    } catch (error) {
      notice("plot", reasonOf(error));
    }
  }

  /** What can be done with a picture that fills the window; a preview is not one yet. */
  viewerButtons(picture) {
    if (picture.kind === LIVE) return [];
    const leave = () => this.viewer.dialog.close();
    return [...actionTools(picture, this.owner, leave), ...this.editing(picture)];
  }

  /** A button for its data; a mask that came with a picture has none. */
  editing({ job, index, url, name = "" }) {
    return Number.isInteger(index) ? [editButton([{ picture: `job:${job}/${index}`, name, url }])] : [];
  }

  async copied(event, text) {
    const button = event.currentTarget;
    await copy(text);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  }
}
