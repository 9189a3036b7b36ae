// The line under the chart: which part of time is shown, which point was chosen, and the way from
// there to the runs that loaded it.

import { instant } from "./address.js";
import { text } from "./texts.js";
import { inUtc, shown } from "./times.js";

/** Address of the executions of a loader whose windows have a part of [from, to). */
export function runsAddress(facts, [from, to]) {
  const window = `${instant(Math.floor(from))}/${instant(Math.ceil(to))}`;
  return `${facts.executions}&window=${encodeURIComponent(window)}`;
}

/** Show the part in `root`. `isZoomed` offers the way back to the whole range. */
export function fillPart(root, { part, zone, facts, isZoomed }) {
  const label = root.querySelector("[data-part]");
  label.textContent = spanText(part, zone);
  label.title = `${inUtc(part[0])} → ${inUtc(part[1])}`;
  root.querySelector("[data-runs]").href = runsAddress(facts, part);
  for (const button of root.querySelectorAll("[data-zoomed]")) button.hidden = !isZoomed;
}

/** Show the chosen point in `root`, or that none is chosen. */
export function fillPoint(root, point, { zone, facts, step }) {
  root.hidden = point === null;
  if (point === null) return;
  const label = root.querySelector("[data-at]");
  label.textContent = text("pointAt", { time: shown(point, zone) });
  label.title = inUtc(point);
  root.querySelector("[data-runs]").href = runsAddress(facts, [point, point + step]);
}

/** The instant (epoch seconds) of the drawn point nearest to a place in time; null without any. */
export function nearestPoint(model, second) {
  let best = null;
  for (const one of model.series) {
    if (one.isHidden || one.isBefore) continue;
    const found = nearest(one.pairs, second * 1000);
    if (found !== null && (best === null || Math.abs(found - second) < Math.abs(best - second))) best = found;
  }
  return best;
}

function nearest(pairs, millis) {
  let low = 0;
  let high = pairs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pairs[middle][0] < millis) low = middle + 1;
    else high = middle;
  }
  const around = [pairs[low - 1], pairs[low]].filter((pair) => pair && pair[1] !== null);
  around.sort((a, b) => Math.abs(a[0] - millis) - Math.abs(b[0] - millis));
  return around.length ? around[0][0] / 1000 : null;
}

function spanText([from, to], zone) {
  const first = shown(from, zone);
  const last = shown(to, zone);
  const isSameDay = first.slice(0, 10) === last.slice(0, 10);
  return `${first} → ${isSameDay ? last.slice(11) : last}`;
}
