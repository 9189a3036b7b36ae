// Which range and which buckets to ask for. No browser needed.

import { BUCKETS, RANGES } from "./address.js";
import { dayStart } from "./days.js";

export const MOST_AUTO = 2000;

/** The narrowest bucket that makes at most about 2,000 points of the range (seconds), and that is
    not narrower than the loader's grain (seconds; null is a calendar day). */
export function autoBucket(span, grain) {
  const least = Math.min(grain === null ? BUCKETS["1d"] : grain, BUCKETS["1d"]);
  const fits = ([, width]) => width >= least && span / width <= MOST_AUTO;
  const found = Object.entries(BUCKETS).find(fits);
  return found ? found[0] : "1d";
}

/** The range in epoch seconds. One that is relative to now ends at the next full minute. */
export function rangeOf(state, now) {
  if (state.range === "own") return { from: state.from, to: state.to };
  const to = Math.ceil(now / 60) * 60;
  return { from: to - RANGES[state.range], to };
}

/** What to ask for: the range, its start moved down to a whole bucket, so that the first bucket is
    whole as the others are; the bucket ("" for raw); and the seconds between two points. Of the
    loader's facts: its grain, and the zone of its days. */
export function planOf(state, now, facts) {
  const range = rangeOf(state, now);
  const step = facts.grainSeconds ?? BUCKETS["1d"];
  if (state.aggregation === "raw") return { ...range, bucket: "", step };
  const bucket = state.bucket || autoBucket(range.to - range.from, facts.grainSeconds);
  const from = bucketStart(range.from, bucket, facts);
  return { from, to: range.to, bucket, step: Math.max(BUCKETS[bucket], step) };
}

/** No bucket has anything before 1970, and the API takes nothing earlier. */
function bucketStart(second, bucket, facts) {
  if (bucket === "1d") return Math.max(0, dayStart(second, facts));
  return Math.floor(second / BUCKETS[bucket]) * BUCKETS[bucket];
}
