// Pictures of several jobs shown as one: each beside the one that it was made of. Without a page.

/**
 * jobs: [{ id, beside: null | { job, index } }]; record(id): a job's record, or undefined. → pictures, each with its
 * job
 */
export function together(jobs, record) {
  const made = (id) => (record(id)?.pictures ?? []).flatMap((picture) =>
    [{ ...picture, job: id }, ...besides(id, picture.index)]);
  const besides = (job, index) => jobs
    .filter(({ beside }) => beside?.job === job && beside.index === index).flatMap(({ id }) => made(id));
  return jobs.filter(({ beside }) => !beside).flatMap(({ id }) => made(id));
}
