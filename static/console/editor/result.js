// What a test query found, as elements.

import { element } from "./elements.js";

const NUMBERS = new Set(["integer", "decimal"]);
const TONES = { ERROR: "lp-bad", WARNING: "lp-waiting", NOTE: "lp-quiet" };

/** One sentence about how much was read, how long it took and over which window. */
export function summaryOf(report, words) {
  const places = {
    rows: report.rows.toLocaleString("en"),
    seconds: ((report.totalMs ?? 0) / 1000).toFixed(2),
    from: instant(report.windowFrom),
    to: instant(report.windowTo),
  };
  return words(report.isCut ? "readCut" : "read", places);
}

/** The parts of a report that there are: findings, what the source said, rows, plan. */
export function partsOf(report, words) {
  const parts = [];
  if (report.findings.length) parts.push(findings(report.findings, words));
  if (report.sourceError) parts.push(folded(words("sourceSaid"), report.sourceError, true));
  if (report.sample.length) parts.push(...grid(report, words));
  else if (!report.failureCode) parts.push(element("p", { className: "lp-empty", textContent: words("noRows") }));
  if (report.explain) parts.push(folded(words("plan"), report.explain, report.sample.length === 0));
  return parts;
}

function instant(text) {
  return new Date(text).toISOString().slice(0, 19).replace("T", " ");
}

function findings(found, words) {
  const rows = found.map(({ severity, code, message }) => {
    const badge = element("span", { className: `lp-badge ${TONES[severity]}`, textContent: words(severity.toLowerCase()) });
    const told = element("span", {}, [element("b", { textContent: code }), ` ${message}`]);
    return element("li", {}, [badge, told]);
  });
  return element("ul", { className: "lp-findings" }, rows);
}

function folded(title, text, open) {
  const plan = element("pre", { className: "lp-code", textContent: text, dir: "auto", tabIndex: 0 });
  const body = element("div", { className: "lp-body" }, [plan]);
  return element("details", { className: "lp-more", open }, [element("summary", { textContent: title }), body]);
}

/** The rows; columns without any value are counted, not shown. */
function grid({ columns, sample }, words) {
  const shown = columns.map((column, place) => ({ ...column, place })).filter(({ kind }) => kind !== "empty");
  const heads = shown.map(({ name, kind }) => {
    return element("th", { textContent: name, scope: "col", className: NUMBERS.has(kind) ? "lp-number" : "" });
  });
  const rows = sample.map((row) => element("tr", {}, shown.map(({ place, kind }) => cell(row[place], kind))));
  const table = element("table", { className: "lp-table lp-sample" }, [
    element("caption", { className: "lp-unseen", textContent: words("rows") }),
    element("thead", {}, [element("tr", {}, heads)]),
    element("tbody", {}, rows),
  ]);
  const attributes = { role: "region", "aria-label": words("rows") };
  const parts = [element("div", { className: "lp-scroll lp-editor-grid", tabIndex: 0, attributes }, [table])];
  if (sample.length) {
    const left = columns.length - shown.length;
    const told = words(left ? "shownWithout" : "shown", { rows: sample.length, left });
    parts.push(element("p", { className: "lp-empty", textContent: told }));
  }
  return parts;
}

function cell(value, kind) {
  const className = `lp-nowrap${NUMBERS.has(kind) ? " lp-number" : ""}`;
  if (value === null || value === undefined) {
    return element("td", { className }, [element("span", { className: "lp-faint", textContent: "NULL" })]);
  }
  return element("td", { className, dir: NUMBERS.has(kind) ? "ltr" : "auto", textContent: value });
}
