// The folders below one that the library looks through, as a tree.
const DAY = /^\d{4}-\d\d-\d\d$/;

/**
 * listed: [{ value: "<id>/<path>", count }]. Returns [{ path, name, count: with all below, inner: the same again }],
 * days from the newest, all others by their names.
 */
export function folderTree(id, listed) {
  const root = branch(String(id), "");
  for (const { value, count } of listed) {
    let at = root;
    for (const name of value.slice(root.path.length + 1).split("/")) {
      if (!at.below.has(name)) at.below.set(name, branch(`${at.path}/${name}`, name));
      at = at.below.get(name);
      at.count += count;
    }
  }
  return ordered(root);
}

const branch = (path, name) => ({ path, name, count: 0, below: new Map() });

const ordered = ({ below }) => [...below.values()].sort(byName)
  .map(({ path, name, count, ...more }) => ({ path, name, count, inner: ordered(more) }));

function byName({ name: one }, { name: other }) {
  const order = one.localeCompare(other, undefined, { numeric: true });
  return DAY.test(one) && DAY.test(other) ? -order : order;
}
