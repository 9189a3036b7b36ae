// As many points as the screen can show: of those in one column of pixels the least and the
// greatest, so that no extreme is lost, and where the line breaks. No browser needed.

/** The pairs (milliseconds and value, null in a gap) to draw while `part` (from and to, in
    milliseconds) fills so many columns; half as much to either side is ready for a drag. Columns
    lie at whole multiples of their width, so what is drawn doesn't flicker while it moves. */
export function thin(pairs, [from, to], columns) {
  const width = (to - from) / columns;
  const margin = (to - from) / 2;
  const first = firstFrom(pairs, from - margin);
  const end = firstFrom(pairs, to + margin);
  if (end - first <= 2 * columns) return pairs.slice(first, end);
  const kept = [];
  for (let at = first; at < end; ) {
    const until = firstFrom(pairs, (Math.floor(pairs[at][0] / width) + 1) * width, at, end);
    // A column holds at least the point it was found by, whatever rounding says.
    const next = Math.max(at + 1, until);
    for (const number of ofColumn(pairs, at, next)) kept.push(pairs[number]);
    at = next;
  }
  return kept;
}

/** What to draw of the pairs from one number up to another: the least, the greatest, the first gap
    and the last. Gaps between these two are narrower than a pixel. */
function ofColumn(pairs, from, end) {
  let [least, greatest, firstGap, lastGap] = [-1, -1, -1, -1];
  for (let at = from; at < end; at += 1) {
    const value = pairs[at][1];
    if (value === null) {
      if (firstGap < 0) firstGap = at;
      lastGap = at;
      continue;
    }
    if (least < 0 || value < pairs[least][1]) least = at;
    if (greatest < 0 || value > pairs[greatest][1]) greatest = at;
  }
  const found = new Set([least, greatest, firstGap, lastGap]);
  found.delete(-1);
  return [...found].sort((a, b) => a - b);
}

/** The number of the first pair at or after an instant, of those from `low` to `high`. */
function firstFrom(pairs, millis, low = 0, high = pairs.length) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pairs[middle][0] < millis) low = middle + 1;
    else high = middle;
  }
  return low;
}
