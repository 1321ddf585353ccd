// The server's endpoints of training and of data sets.
import { addressOf, ask } from "../core/server.js";

const run = (job, what) => `train/${encodeURIComponent(job)}/${what}`;

export const trainer = {
  fields: () => ask("train/fields"),
  plan: (fields, configs = []) => ask("train/plan", "POST", { fields, configs }),
  batch: (fields, step) => ask("train/batch", "POST", { fields, step }),
  measure: (fields) => ask("train/measure", "POST", fields),
  begin: (fields) => ask("train", "POST", fields),
  runs: () => ask("train"),
  log: (job, since) => ask(run(job, `log?since=${since}`)),
  samples: (job) => ask(run(job, "samples")),
  order: (job, what, body = undefined) => ask(run(job, what), "POST", body),
};

/** Embeddings and hypernetworks by A1111's endpoints. */
export const networks = {
  create: (kind, asked) => ask(`../../sdapi/v1/create/${kind}`, "POST", asked),
  names: async (kind) => {
    const told = await ask(`../../sdapi/v1/${kind}s`);
    const words = kind === "embedding" && Object.keys({ ...told.loaded, ...told.skipped });
    return (words || told.map(({ name }) => name)).sort();
  },
};

export const datasets = {
  list: () => ask("datasets"),
  make: (name) => ask("datasets", "POST", { name }),
  delete: (folder) => ask("datasets/delete", "POST", { folder }),
  view: (folder) => ask(`datasets/view?${new URLSearchParams({ folder })}`),
  send: (folder, file) => ask(`datasets/files?${new URLSearchParams({ folder, name: file.name })}`, "POST", file),
  write: (folder, captions) => ask("datasets/captions", "POST", { folder, captions }),
  tags: (folder, pictures, change) => ask("datasets/tags", "POST", { folder, pictures, ...change }),
  remove: (folder, pictures) => ask("datasets/remove", "POST", { folder, pictures }),
  picture: (folder, picture, version, whole = "") =>
    addressOf(`datasets/picture?${new URLSearchParams({ folder, picture, version, ...(whole && { whole: "true" }) })}`),
};
