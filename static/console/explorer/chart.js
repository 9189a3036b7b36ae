// The chart: ECharts on a canvas, drawn anew from a model whenever that changes.

import { init } from "../../vendor/echarts/echarts.js";
import { colours } from "./colours.js";
import { loneOf } from "./gaps.js";
import { text, value } from "./texts.js";
import { thin } from "./thinning.js";
import { tooltip } from "./tooltip.js";
import { zoneName } from "./times.js";

const WHOLE_MINUTES = 3600; // seconds of a range from which seconds of its parts tell nothing
const MARKED = 150; // up to so many points each has a mark
const LARGE = 2000; // from so many points on lines are thinned for drawing
const USUAL_WIDTH = 1000; // pixels, while the chart's own width isn't known
const STAMPS = {
  year: "{yyyy}",
  month: "{MMM}",
  day: "{d} {MMM}",
  hour: "{HH}:{mm}",
  minute: "{HH}:{mm}",
  second: "{HH}:{mm}:{ss}",
  millisecond: "{HH}:{mm}:{ss}",
};
const COARSE = window.matchMedia("(pointer: coarse)");

export class Chart {
  /** `onZoom` is told the shown part [from, to] in epoch seconds, null for the whole range. */
  constructor(element, onZoom) {
    this.element = element;
    this.model = null;
    this.shown = null; // what of the range is shown, [from, to]; null for the whole
    this.exact = null; // the same before it is rounded
    this.echarts = init(element, null, { renderer: "canvas" });
    this.echarts.on("datazoom", (event) => {
      this.exact = this.partOf(event.batch ? event.batch[0] : event);
      this.shown = this.rounded(this.exact);
      this.refine();
      onZoom(this.shown);
    });
    new ResizeObserver(() => {
      this.echarts.resize();
      this.refine();
    }).observe(element);
  }

  /** Draw a model: {range, series, kind, zone, openFrom, minSpan, zoom}. */
  draw(model) {
    this.model = model;
    this.shown = null;
    this.exact = [model.range.from, model.range.to];
    this.echarts.setOption(option(model, (one) => this.dataOf(one)), { notMerge: true });
    if (model.zoom) this.zoomTo(model.zoom);
  }

  clear() {
    this.model = null;
    this.shown = null;
    this.echarts.clear();
  }

  /** Show a part of the range, not less than the least span; null is the whole. */
  zoomTo(part) {
    if (!this.model) return;
    const { range, minSpan } = this.model;
    let [from, to] = part || [range.from, range.to];
    const lacking = Math.max(0, minSpan - (to - from)) / 2;
    [from, to] = [Math.max(range.from, from - lacking), Math.min(range.to, to + lacking)];
    if (from >= to) return;
    this.echarts.dispatchAction({ type: "dataZoom", startValue: from * 1000, endValue: to * 1000 });
  }

  /** A line's data. ECharts could thin by itself (`sampling`), but "lttb" loses extremes, and
      "minmax" gaps, and extremes beside them. */
  dataOf(one) {
    if (this.model.points <= LARGE) return marked(one.pairs, one.lone);
    const part = this.exact.map((second) => second * 1000);
    const pairs = thin(one.pairs, part, this.element.clientWidth || USUAL_WIDTH);
    return marked(pairs, loneOf(pairs));
  }

  /** Thin the lines anew, as the shown part and the chart's width ask for; before the next frame. */
  refine() {
    if (!this.model || this.model.points <= LARGE) return;
    const lines = drawn(this.model).filter((one) => !isBar(one, this.model));
    if (lines.length === 0) return;
    const series = lines.map((one) => ({ id: one.key, data: this.dataOf(one) }));
    this.echarts.setOption({ series }, { lazyUpdate: true });
  }

  /** What an event of ECharts says is shown, which is told in per cent or in milliseconds. Asking
      ECharts itself would copy all data at each step of the wheel. */
  partOf({ start, end, startValue, endValue }) {
    const { from, to } = this.model.range;
    const at = (share, millis) => (millis === undefined ? from + ((to - from) * share) / 100 : millis / 1000);
    return [at(start, startValue), at(end, endValue)];
  }

  /** A part as it is told: in whole minutes or seconds, null for the whole range. */
  rounded(exact) {
    const { from, to } = this.model.range;
    const unit = to - from > WHOLE_MINUTES ? 60 : 1;
    const part = exact.map((second) => Math.round(second / unit) * unit);
    return part[0] <= from && part[1] >= to ? null : part;
  }

  /** Magnify around the middle: `factor` below 1 shows less time. */
  magnify(factor) {
    const [from, to] = this.part();
    const half = ((to - from) * factor) / 2;
    const middle = (from + to) / 2;
    this.zoomTo([middle - half, middle + half]);
  }

  /** Move the shown part by a share of its length, as far as the range goes. */
  move(share) {
    const [from, to] = this.part();
    const { range } = this.model;
    const wanted = (to - from) * share;
    const step = Math.max(range.from - from, Math.min(range.to - to, wanted));
    this.zoomTo([from + step, to + step]);
  }

  part() {
    return this.shown || [this.model.range.from, this.model.range.to];
  }

  /** The instant (epoch seconds) at a place in the chart's element; null beside the grid. */
  instantAt(x, y) {
    if (!this.model || !this.echarts.containPixel("grid", [x, y])) return null;
    return this.echarts.convertFromPixel({ xAxisIndex: 0 }, x) / 1000;
  }
}

function option(model, dataOf) {
  const palette = colours();
  const axis = {
    axisLabel: { color: palette.text, hideOverlap: true },
    axisLine: { lineStyle: { color: palette.axis } },
    splitLine: { lineStyle: { color: palette.line } },
  };
  return {
    animation: false,
    useUTC: model.zone === "utc",
    textStyle: { fontFamily: "inherit" },
    grid: { left: 12, right: 16, top: 16, bottom: 8, containLabel: true },
    xAxis: {
      ...axis,
      type: "time",
      min: model.range.from * 1000,
      max: model.range.to * 1000,
      axisLabel: { ...axis.axisLabel, formatter: STAMPS },
      axisLine: { ...axis.axisLine, onZero: false },
      splitLine: { show: false },
    },
    yAxis: {
      ...axis,
      type: "value",
      scale: model.kind === "line", // areas and bars tell by their size, so from zero
      axisLine: { show: false },
      axisLabel: { ...axis.axisLabel, formatter: value },
    },
    tooltip: {
      trigger: "axis",
      confine: true,
      transitionDuration: 0,
      className: "lp-tip-frame",
      backgroundColor: palette.back,
      borderColor: palette.line,
      borderWidth: 1,
      axisPointer: { type: "line", animation: false, lineStyle: { color: palette.pointer } },
      formatter: (found) => tooltip(found, model),
    },
    dataZoom: [
      {
        type: "inside",
        filterMode: "filter",
        throttle: 16,
        minValueSpan: model.minSpan * 1000,
        zoomOnMouseWheel: true,
        moveOnMouseMove: COARSE.matches ? true : "shift",
        moveOnMouseWheel: false,
      },
    ],
    series: drawn(model).map((one) => seriesOption(one, model, palette, dataOf)),
  };
}

function drawn(model) {
  return model.series.filter((one) => !one.isHidden);
}

function isBar(one, model) {
  return model.kind === "bar" && !one.isBefore;
}

function seriesOption(one, model, palette, dataOf) {
  const colour = palette.series[one.colour % palette.series.length];
  const made = {
    id: one.key,
    name: one.name,
    itemStyle: { color: colour },
    emphasis: { disabled: true },
    silent: true,
  };
  if (isBar(one, model)) {
    const large = one.pairs.length > LARGE;
    return { ...made, type: "bar", data: one.pairs, large, barMaxWidth: 48, barMinHeight: 1 };
  }
  return {
    ...made,
    type: "line",
    data: dataOf(one),
    connectNulls: false,
    symbol: model.points > MARKED ? "none" : "circle",
    symbolSize: 4,
    lineStyle: one.isBefore ? { color: colour, width: 1.5, type: "dashed", opacity: 0.75 } : { color: colour, width: 1.75 },
    areaStyle: model.kind === "area" && !one.isBefore ? { color: colour, opacity: 0.18 } : undefined,
  };
}

/** The pairs as data; a point between two gaps has no line, so its mark alone shows it. */
function marked(pairs, lone) {
  if (lone.length === 0) return pairs;
  const data = pairs.slice();
  for (const at of lone) data[at] = { value: data[at], symbol: "circle", symbolSize: 4 };
  return data;
}

/** The chart in words, for those who don't see it. */
export function summary(model) {
  const names = model.series.map((one) => one.name).join("; ");
  return text("summary", {
    kind: text(`kind-${model.kind}`),
    names,
    zone: zoneName(model.zone),
    points: model.points,
    gaps: model.gaps,
  });
}
