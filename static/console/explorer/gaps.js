// Points as the chart draws them: a line breaks where a bucket or a grain is missing. No browser
// needed.

/** Pairs of milliseconds and value, with an empty pair in each gap; the number of gaps; and where
 * in `pairs` a point stands alone, so that no line shows it.
 *
 * `points` come in order of time with `timestamp` in seconds; `step` is the number of seconds
 * between two neighbours. A day of 25 hours is no gap, so half a step is let pass. Of points that
 * were reduced, neighbours lie further apart: `thinned` says by how much (1 for all points). */
export function withGaps(points, column, step, { shift = 0, thinned = 1 } = {}) {
  const widest = step * (thinned > 1 ? thinned : 1.5);
  const pairs = [];
  let gaps = 0;
  let before = null;
  for (const point of points) {
    const at = point.timestamp + shift;
    if (before !== null && at - before > widest) {
      pairs.push([(before + step) * 1000, null]);
      gaps += 1;
    }
    pairs.push([at * 1000, point[column] ?? null]);
    before = at;
  }
  return { pairs, gaps, lone: loneOf(pairs) };
}

/** The numbers of the pairs that have a value, while neither neighbour has one. */
export function loneOf(pairs) {
  const isEmpty = (pair) => pair === undefined || pair[1] === null;
  const lone = [];
  for (let at = 0; at < pairs.length; at += 1) {
    if (!isEmpty(pairs[at]) && isEmpty(pairs[at - 1]) && isEmpty(pairs[at + 1])) lone.push(at);
  }
  return lone;
}

/** How many steps neighbours may lie apart after `total` points were reduced to `kept`: of each run
    of total/kept points one is kept, so at most twice that, and one for what is left over. */
export function thinnedBy(total, kept) {
  return total > kept && kept > 0 ? 2 * Math.ceil(total / kept) + 1 : 1;
}
