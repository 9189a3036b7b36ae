// Where the data come from: the API that everybody uses, and the page's own look-up of loaders.

import { text } from "./texts.js";

const root = document.getElementById("explorer");

/** An answer that is none: its sentence says what to do. `wait` is in seconds, if it says how long. */
export class Refusal extends Error {
  constructor(sentence, { status = 0, wait = null } = {}) {
    super(sentence);
    this.status = status;
    this.wait = wait;
  }
}

/** The first loaders that a search finds: {loaders, more}. */
export function findLoaders(search, signal) {
  return get(`${root.dataset.loaders}?${new URLSearchParams({ search })}`, signal);
}

/** What the page must know of a loader. */
export function loaderFacts(code, signal) {
  return get(`${root.dataset.loaders}${encodeURIComponent(code)}/`, signal);
}

/** The first combinations of segments that a search finds: {segments, more}. */
export function findSegments(loaderCode, parameters, signal) {
  return get(`${root.dataset.segments}?${new URLSearchParams({ loaderCode, ...parameters })}`, signal);
}

/** The signals of one series: the answer of `signals/query`. */
export function signals(parameters, signal) {
  return get(`${root.dataset.query}?${parameters}`, signal);
}

/** Parameters of a query, in the names of the API. */
export function queryOf(state, plan, segmentCode, shift = 0) {
  const asked = new URLSearchParams({
    loaderCode: state.loader,
    fromEpoch: plan.from - shift,
    toEpoch: plan.to - shift,
    aggregation: state.aggregation,
  });
  if (plan.bucket) asked.set("bucket", plan.bucket);
  if (segmentCode) asked.set("segmentCode", segmentCode);
  if (state.aggregation === "raw") asked.set("limit", state.limit);
  // Where points are reduced, so that the column that is drawn keeps its shape.
  asked.set("value", state.column);
  return asked;
}

async function get(address, signal) {
  let answer;
  try {
    answer = await fetch(address, { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(text("unreachable"));
  }
  if (answer.redirected || answer.status === 401) throw new Refusal(text("signedOut"), { status: 401 });
  const isJson = /json/.test(answer.headers.get("Content-Type") || "");
  const body = isJson ? await answer.json() : {};
  if (answer.ok && isJson) return body;
  const wait = Number(answer.headers.get("Retry-After")) || null;
  throw new Refusal(sentenceOf(body) || text("failed"), { status: answer.status, wait });
}

function sentenceOf(problem) {
  const found = Object.values(problem.errors || {}).flat();
  return [problem.detail, ...found].filter((one) => typeof one === "string").join(" ");
}
