// What the chart says about the instant under the pointer. Texts are set as text: names of segments
// come from sources.

import { inUtc, shown, zoneName } from "./times.js";
import { text, value } from "./texts.js";

const MOST_ROWS = 16;

/** The tooltip's content for what ECharts found at one instant, or nothing. */
export function tooltip(found, { zone, openFrom }) {
  const rows = found.filter((one) => one.value && one.value[1] !== null);
  if (rows.length === 0) return "";
  const second = rows[0].value[0] / 1000;
  const box = element("div", "lp-tip");
  const head = element("p", "lp-tip-time", `${shown(second, zone)} ${zoneName(zone)}`);
  box.append(head);
  if (zone !== "utc") box.append(element("p", "lp-tip-utc", inUtc(second)));
  for (const row of rows.slice(0, MOST_ROWS)) {
    const line = element("p", "lp-tip-row");
    const mark = element("i", "lp-tip-mark");
    mark.style.background = row.color;
    line.append(mark, element("span", "", row.seriesName), element("b", "", value(row.value[1])));
    box.append(line);
  }
  if (openFrom !== null && second >= openFrom) {
    box.append(element("p", "lp-tip-utc", text("bucketOpen")));
  }
  return box;
}

function element(name, className, content = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = content;
  return made;
}
