// Days in words. A day is "2026-11-29", as the server counts days.
import { moment, t } from "../core/dom.js";

const DAY = 86_400_000;      // ms

const parts = (day) => day.split("-").map(Number);

export function dayInWords(day, now = new Date()) {
  const [year, month, date] = parts(day);
  if (!year) return t("Day unknown");
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const ago = Math.round((today - new Date(year, month - 1, date)) / DAY);
  if (ago === 0) return t("Today");
  if (ago === 1) return t("Yesterday");
  const sameYear = year === now.getFullYear();
  return moment(new Date(year, month - 1, date), {
    weekday: ago < 7 && ago > 0 ? "long" : "short", day: "numeric", month: "long",
    year: sameYear ? undefined : "numeric",
  });
}

/** Days by their months, in the same order: [{ month: "2026-11", name, day: the first of them, count }]. */
export function monthsOf(days) {
  const months = new Map();
  for (const { name, count } of days) {
    const month = name.slice(0, 7);
    if (!months.has(month)) months.set(month, { month, day: name, count: 0 });
    months.get(month).count += count;
  }
  return [...months.values()].map((each) => ({ ...each, name: monthInWords(each.month) }));
}

function monthInWords(month) {
  const [year, number] = parts(month);
  if (!year) return t("Day unknown");
  return moment(new Date(year, number - 1, 1), { month: "long", year: "numeric" });
}
