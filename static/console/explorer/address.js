// The page's address describes what is shown: reading and writing it. No browser needed.

import { OWN } from "./times.js";

export const RANGES = { "1h": 3600, "6h": 6 * 3600, "24h": 86400, "7d": 7 * 86400 };
export const AGGREGATIONS = ["avg", "sum", "min", "max", "raw"];
export const BUCKETS = { "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400 };
export const KINDS = ["line", "area", "bar"];
export const COMPARISONS = { day: 86400, week: 7 * 86400 };
export const LIMITS = [10000, 50000, 100000];
export const MOST_SEGMENTS = 8;

/** Which columns of a point may be drawn; the first is what an aggregation is named after. */
export const COLUMNS = {
  avg: ["avgVal"],
  sum: ["sumVal", "recCount", "valueCount"],
  min: ["minVal"],
  max: ["maxVal"],
  raw: ["avgVal", "sumVal", "recCount", "minVal", "maxVal", "valueCount"],
};

export const DEFAULTS = Object.freeze({
  loader: "",
  range: "24h", // a name of RANGES, or "own" with from and to
  from: null, // epoch seconds
  to: null,
  segments: [],
  aggregation: "avg",
  bucket: "", // empty: chosen by the range
  column: "avgVal",
  kind: "line",
  compare: "",
  limit: LIMITS[0],
  zone: usualZone(), // "local" or "utc"
  zoom: null, // [from, to] in epoch seconds, a part of the range
  hidden: [], // keys of series that the legend switched off
  table: false,
  refresh: true,
});

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** That of the rest of the console; UTC where that shows times in a zone that is not this browser's. */
function usualZone() {
  const chosen = globalThis.document?.getElementById("explorer")?.dataset.zone;
  return chosen === undefined || chosen === OWN ? "local" : "utc";
}

/** The state that an address's query asks for. What can't be understood is left at its default. */
export function parse(query) {
  const asked = new URLSearchParams(query);
  const one = (name, allowed, otherwise) => {
    const value = asked.get(name);
    return value !== null && allowed.includes(value) ? value : otherwise;
  };
  const state = { ...DEFAULTS };
  state.loader = (asked.get("loader") || "").trim();
  state.range = one("range", Object.keys(RANGES), DEFAULTS.range);
  const own = span(asked.get("from"), asked.get("to"));
  if (own) {
    [state.from, state.to] = own;
    state.range = "own";
  }
  state.segments = list(asked.get("segments")).filter((code) => UUID.test(code)).slice(0, MOST_SEGMENTS);
  state.aggregation = one("aggregation", AGGREGATIONS, DEFAULTS.aggregation);
  state.bucket = state.aggregation === "raw" ? "" : one("bucket", Object.keys(BUCKETS), "");
  const columns = COLUMNS[state.aggregation];
  state.column = one("value", columns, columns[0]);
  state.kind = one("kind", KINDS, DEFAULTS.kind);
  state.compare = one("compare", Object.keys(COMPARISONS), "");
  state.limit = Number(one("limit", LIMITS.map(String), LIMITS[0]));
  state.zone = one("zone", ["utc", "local"], DEFAULTS.zone);
  state.zoom = span(...(asked.get("zoom") || "/").split("/"));
  state.hidden = list(asked.get("hidden"));
  state.table = asked.get("table") === "1";
  state.refresh = asked.get("refresh") !== "off";
  return state;
}

/** The query for a state, "" for all defaults; `parse` reads it back. */
export function format(state) {
  const parts = [];
  const add = (name, value, otherwise = "") => {
    if (value !== otherwise) parts.push(`${name}=${encodeURIComponent(value).replace(/%2C|%3A|%2F/g, plain)}`);
  };
  add("loader", state.loader);
  if (state.range === "own") {
    add("from", instant(state.from));
    add("to", instant(state.to));
  } else {
    add("range", state.range, DEFAULTS.range);
  }
  add("segments", state.segments.join(","));
  add("aggregation", state.aggregation, DEFAULTS.aggregation);
  add("bucket", state.bucket);
  add("value", state.column, COLUMNS[state.aggregation][0]);
  add("kind", state.kind, DEFAULTS.kind);
  add("compare", state.compare);
  add("limit", state.limit, DEFAULTS.limit);
  add("zone", state.zone, DEFAULTS.zone);
  add("zoom", state.zoom ? state.zoom.map(instant).join("/") : "");
  add("hidden", state.hidden.join(","));
  add("table", state.table ? "1" : "");
  add("refresh", state.refresh ? "" : "off");
  return parts.length ? `?${parts.join("&")}` : "";
}

/** `2026-01-31T10:00:00Z` for epoch seconds. */
export function instant(second) {
  return `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
}

/** Epoch seconds of an instant in ISO 8601 (UTC where no offset is given) or of epoch seconds. */
export function secondOf(text) {
  if (!text) return null;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  const zoned = /(Z|[+-]\d\d:?\d\d)$/i.test(text) || !text.includes("T") ? text : `${text}Z`;
  const millis = Date.parse(zoned);
  return Number.isNaN(millis) || millis < 0 ? null : Math.floor(millis / 1000);
}

function span(first, last) {
  const from = secondOf(first);
  const to = secondOf(last);
  return from !== null && to !== null && from < to ? [from, to] : null;
}

function list(text) {
  return (text || "").toLowerCase().split(",").map((part) => part.trim()).filter(Boolean);
}

function plain(code) {
  return { "%2C": ",", "%3A": ":", "%2F": "/" }[code];
}
