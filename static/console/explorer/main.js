// The explorer: its address is its state; a change of state changes the address, and then the page.

import { RANGES, format, parse } from "./address.js";
import { Chart, summary } from "./chart.js";
import { onSwitch } from "./colours.js";
import { Controls, fillChoices } from "./controls.js";
import { fillDownloads } from "./downloads.js";
import { shortcuts } from "./keys.js";
import { fillLegend } from "./legend.js";
import { dataKey, load, modelOf } from "./loading.js";
import { describe, remarks, say } from "./notices.js";
import { loaderPicker, segmentPicker } from "./pickers.js";
import { Refresh } from "./refresh.js";
import { selecting } from "./selecting.js";
import { fillPart, fillPoint, nearestPoint } from "./shown_part.js";
import { loaderFacts } from "./source.js";
import { fillTable } from "./table.js";
import { count, text } from "./texts.js";
import { clock, shown } from "./times.js";

const SETTLED = 250; // milliseconds after which a zoom counts as done
const root = document.getElementById("explorer");
const find = (name) => root.querySelector(`#explorer-${name}`);
const now = () => Date.now() / 1000;

let state = parse(location.search);
let facts = null; // of the loader whose signals are loaded
let loaded = null; // what `load` brought, and for which key
let model = null;
let point = null;
let asking = null; // what is being fetched: {key, abort}
let settling = 0;

const chart = new Chart(find("chart"), zoomed);
const controls = new Controls(root, change);
const pickLoader = loaderPicker(root, () => state, change);
const pickSegment = segmentPicker(root, () => state, change);
const refresh = new Refresh(isLive, () => fetchAll({ isQuiet: true }));

/** Change the state as a person asked: one step back undoes it. */
function change(values) {
  const before = dataKey(state);
  clearTimeout(settling);
  state = { ...state, ...values };
  if (before !== dataKey(state)) point = null;
  const query = format(state);
  if (query !== location.search) history.pushState(null, "", location.pathname + query);
  show();
}

/** Show the state; fetch what it needs and isn't there. */
function show() {
  document.title = document.title.replace(/^[^|]*/, `${state.loader || text("title")} `);
  pickLoader.show(state);
  pickSegment.show(state);
  find("auto").setAttribute("aria-pressed", String(state.refresh && state.range !== "own"));
  find("auto").disabled = state.range === "own";
  find("table-button").setAttribute("aria-pressed", String(state.table));
  controls.show(state, now(), loaded?.plan.bucket);
  if (isLoaded()) {
    if (asking?.key !== loaded.key) forget();
    draw();
  } else fetchAll();
}

/** Whether what was loaded is what the state asks for. */
function isLoaded() {
  return loaded !== null && loaded.key === dataKey(state);
}

/** Whatever is under way is no longer wanted. */
function forget() {
  asking?.abort();
  asking = null;
}

function isLive() {
  return state.refresh && state.range !== "own" && Boolean(state.loader) && asking === null;
}

async function fetchAll({ isQuiet = false } = {}) {
  forget();
  const wanted = state; // while this waits, a person may choose something else
  if (!wanted.loader) return nothing(text("chooseLoader"));
  const stop = new AbortController();
  const mine = { key: dataKey(wanted), abort: () => stop.abort() };
  asking = mine;
  if (!isQuiet) busy();
  try {
    const isKnown = facts?.loaderCode === wanted.loader && !isQuiet;
    const about = isKnown ? facts : await loaderFacts(wanted.loader, stop.signal);
    const found = await load(wanted, about, now(), stop.signal);
    if (asking !== mine) return;
    asking = null;
    facts = about;
    loaded = { ...found, key: mine.key };
    arrived(found);
  } catch (error) {
    if (asking !== mine || error.name === "AbortError") return;
    asking = null;
    failed(error, isQuiet);
  }
}

function arrived({ answers, plan }) {
  for (const one of answers) if (one.code && !one.isBefore) pickSegment.learn(one.code, one.name);
  find("updated").textContent = text("updated", { time: clock(now(), state.zone) });
  refresh.done();
  pickSegment.show(state);
  controls.show(state, now(), plan.bucket);
  draw();
}

function busy() {
  root.dataset.state = "loading";
  find("canvas").setAttribute("aria-busy", "true");
  say(find("message"), model ? "" : text("loading"));
}

function failed(error, isQuiet) {
  if (error.status === undefined) throw error;
  refresh.done((error.wait || 0) * 1000);
  // What was drawn before stays while only looking again failed.
  if (isQuiet && isLoaded()) {
    find("updated").textContent = text("notUpdated", { reason: error.message });
    return;
  }
  const again = error.status === 404 || error.status === 422 ? [] : [[text("again"), () => fetchAll()]];
  nothing(error.message, again, "error");
}

function nothing(sentence, buttons = [], how = "empty") {
  loaded = null;
  model = null;
  chart.clear();
  root.dataset.state = how;
  root.dataset.hasModel = "false";
  find("canvas").removeAttribute("aria-busy");
  for (const name of ["legend", "remarks", "shown", "updated"]) find(name).replaceChildren();
  find("title").textContent = state.loader || text("title");
  say(find("message"), sentence, buttons);
}

function draw() {
  model = modelOf(state, loaded, now());
  root.dataset.points = model.points;
  root.dataset.gaps = model.gaps;
  root.dataset.hasModel = "true";
  find("canvas").removeAttribute("aria-busy");
  chart.draw(model);
  chart.element.setAttribute("aria-label", summary(model));
  fillLegend(find("legend"), model.points ? model.series : [], toggleSeries);
  find("remarks").textContent = model.points ? remarks(model, { count }) : "";
  find("title").textContent = state.loader;
  find("shown").textContent = describe(state, loaded.plan);
  fillDownloads(find("downloads"), root.dataset.export, state, loaded.plan);
  find("loader-page").href = facts.address;
  say(find("message"), model.points ? "" : emptySentence(), jump());
  showPart();
  root.dataset.state = model.points ? "ready" : "empty";
}

function emptySentence() {
  if (facts.lastSignal === null) return text("noSignalsAtAll");
  return text("noSignalsHere", { time: shown(facts.lastSignal, state.zone) });
}

/** Where a loader has nothing in the range, the way to what it has last. */
function jump() {
  if (model.points || facts.lastSignal === null) return [];
  const step = facts.grainSeconds ?? 86400;
  const to = facts.lastSignal + step;
  const from = Math.min(to - (RANGES[state.range] ?? state.to - state.from), facts.lastSignal);
  return [[text("jumpToLast"), () => change({ range: "own", from, to, zoom: null })]];
}

function showPart() {
  const part = chart.part();
  fillPart(find("part"), { part, zone: state.zone, facts, isZoomed: state.zoom !== null });
  fillPoint(find("point"), point, { zone: state.zone, facts, step: loaded.plan.step });
  find("table").hidden = !state.table;
  if (state.table) fillTable(find("table"), model, part);
}

/** A zoom moves with the wheel; when it has settled the address says so, without a step back. */
function zoomed(part) {
  clearTimeout(settling);
  settling = setTimeout(() => {
    if (!model || String(state.zoom) === String(part)) return;
    state = { ...state, zoom: part };
    history.replaceState(null, "", location.pathname + format(state));
    showPart();
  }, SETTLED);
}

function toggleSeries(key) {
  const { hidden } = state;
  change({ hidden: hidden.includes(key) ? hidden.filter((one) => one !== key) : [...hidden, key] });
}

function useAsRange() {
  const [from, to] = chart.part().map(Math.round);
  change({ range: "own", from, to, zoom: null });
}

/** Half a range earlier or later. */
function shift(share) {
  if (!model) return;
  const { from, to } = model.range;
  const step = Math.round((to - from) * share);
  change({ range: "own", from: Math.max(0, from + step), to: to + step, zoom: null });
}

const withModel = (act) => () => model && act();
const acts = {
  wider: withModel(() => chart.magnify(2)),
  closer: withModel(() => chart.magnify(0.5)),
  whole: withModel(() => chart.zoomTo(null)),
  earlier: () => shift(-0.5),
  later: () => shift(0.5),
  use: withModel(useAsRange),
  again: () => fetchAll({ isQuiet: isLoaded() }),
  auto: () => change({ refresh: !state.refresh }),
  table: () => change({ table: !state.table }),
  help: () => find("help").showModal(),
  "close-help": () => find("help").close(),
  "drop-point": withModel(() => {
    point = null;
    showPart();
  }),
};
for (const button of root.querySelectorAll("[data-do]")) {
  button.addEventListener("click", acts[button.dataset.do]);
}
const ranges = Object.keys(RANGES).map((range, number) => [
  String(number + 1),
  () => change({ range, from: null, to: null, zoom: null }),
]);
shortcuts(
  {
    ...Object.fromEntries(ranges),
    "/": pickLoader.focus,
    s: pickSegment.focus,
    r: acts.again,
    a: acts.auto,
    t: acts.table,
    "[": acts.earlier,
    "]": acts.later,
    "+": acts.closer,
    "-": acts.wider,
    0: acts.whole,
    u: acts.use,
    ArrowLeft: withModel(() => chart.move(-0.25)),
    ArrowRight: withModel(() => chart.move(0.25)),
  },
  find("help"),
);
selecting(
  chart,
  (part) => chart.zoomTo(part),
  (second) => {
    if (!model || second === null) return;
    point = nearestPoint(model, second);
    showPart();
  },
);
onSwitch(() => isLoaded() && draw());
window.addEventListener("popstate", () => {
  clearTimeout(settling);
  state = parse(location.search);
  point = null;
  show();
});
fillChoices(root);
show();
if (!state.loader) pickLoader.focus();
