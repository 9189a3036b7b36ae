// From a state to what the chart draws: which series there are, their points, and their gaps.

import { COMPARISONS, MOST_SEGMENTS } from "./address.js";
import { planOf } from "./buckets.js";
import { thinnedBy, withGaps } from "./gaps.js";
import { findSegments, queryOf, signals } from "./source.js";
import { text } from "./texts.js";

const AT_ONCE = 4; // requests under way at a time: a server has other work

/** What the data depend on: while it stays the same, nothing need be fetched. */
export function dataKey(state) {
  const { loader, range, from, to, segments, aggregation, bucket, compare, limit, column } = state;
  const asked = [loader, range, from, to, segments, aggregation, bucket, compare, limit, column];
  return JSON.stringify(asked);
}

/** Fetch all series of a state: {plan, answers, isCut}. Raises Refusal. */
export async function load(state, facts, now, signal) {
  const plan = planOf(state, now, facts);
  const { wanted, isCut } = await seriesOf(state, plan, signal);
  const shift = COMPARISONS[state.compare] || 0;
  const asked = wanted.map((one) => ({ ...one, shift: 0, isBefore: false }));
  if (shift) {
    for (const one of wanted) {
      const name = text(`before-${state.compare}`, { name: one.name });
      asked.push({ ...one, key: `${one.key}:before`, name, shift, isBefore: true });
    }
  }
  const answers = await inTurns(asked, async (one) => {
    const answer = await signals(queryOf(state, plan, one.code, one.shift), signal);
    return { ...one, answer };
  });
  return { plan, answers, isCut };
}

/** The model that the chart draws of what was loaded. */
export function modelOf(state, { plan, answers, isCut }, now) {
  let points = 0;
  let gaps = 0;
  let reducedFrom = 0;
  const series = answers.map(({ answer, ...one }) => {
    const found = answer.dataPoints;
    const total = answer.pointsBefore;
    const thinned = thinnedBy(total, found.length);
    const drawn = withGaps(found, state.column, plan.step, { shift: one.shift, thinned });
    if (thinned > 1) reducedFrom += total;
    points += found.length;
    if (!one.isBefore) gaps += drawn.gaps;
    return { ...one, ...drawn, isHidden: state.hidden.includes(one.key) };
  });
  const { kind, zone, zoom } = state;
  const range = { from: plan.from, to: plan.to };
  const openFrom = plan.bucket ? now - plan.step : null;
  const minSpan = Math.min(2 * plan.step, range.to - range.from);
  return { range, series, points, gaps, reducedFrom, isCut, kind, zone, zoom, openFrom, minSpan };
}

/** The chosen combinations by name. Aggregated without a choice: all as one. Raw signals of several
    combinations are no line, so without a choice the first of them are shown. */
async function seriesOf(state, plan, signal) {
  if (state.segments.length === 0 && state.aggregation !== "raw") {
    return { wanted: [{ key: "all", code: null, name: text("allSegments"), colour: 0 }], isCut: false };
  }
  const parameters = state.segments.length
    ? { segmentCodes: state.segments.join(",") }
    : { limit: MOST_SEGMENTS, fromEpoch: plan.from, toEpoch: plan.to };
  const { segments, more } = await findSegments(state.loader, parameters, signal);
  const names = new Map(segments.map((one) => [one.segmentCode, nameOf(one)]));
  const codes = state.segments.length ? state.segments : [...names.keys()];
  const wanted = codes.map((code, colour) => {
    return { key: code, code, name: names.get(code) || text("unknownSegment", { code }), colour };
  });
  return { wanted, isCut: state.segments.length === 0 && more };
}

/** A combination's name; of one without any text, that it is the whole. */
export function nameOf(segment) {
  return segment.description || segment.name || text("noSegments");
}

async function inTurns(items, work) {
  const results = new Array(items.length);
  let next = 0;
  const turn = async () => {
    while (next < items.length) {
      const mine = next;
      next += 1;
      results[mine] = await work(items[mine]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, turn));
  return results;
}
