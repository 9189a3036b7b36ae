// The points as a table: for those who don't see the chart, and for figures in full.

import { count, text, value } from "./texts.js";
import { inUtc, shown } from "./times.js";

const AT_ONCE = 50;

/** Show the newest points of the shown part, and a button for more. */
export function fillTable(root, model, part) {
  const rows = rowsOf(model, part);
  const body = root.querySelector("tbody");
  const more = root.querySelector("button");
  const note = root.querySelector("[data-note]");
  body.replaceChildren();
  const add = () => {
    const next = rows.slice(body.rows.length, body.rows.length + AT_ONCE);
    body.append(...next.map((row) => rowElement(row, model.zone)));
    more.hidden = body.rows.length >= rows.length;
    note.textContent = text("tableRows", { shown: count(body.rows.length), all: count(rows.length) });
  };
  more.onclick = add;
  add();
}

function rowsOf(model, [from, to]) {
  const rows = [];
  for (const one of model.series) {
    if (one.isHidden) continue;
    for (const [millis, number] of one.pairs) {
      const second = millis / 1000;
      if (second >= from && second < to) rows.push({ second, name: one.name, number });
    }
  }
  return rows.sort((a, b) => b.second - a.second);
}

function rowElement({ second, name, number }, zone) {
  const row = document.createElement("tr");
  const cells = [shown(second, zone), name, number === null ? text("tableGap") : value(number)];
  row.append(
    ...cells.map((content, column) => {
      const cell = document.createElement("td");
      cell.textContent = content;
      if (column === 0) Object.assign(cell, { className: "lp-nowrap", title: inUtc(second) });
      if (column === 2) cell.className = "lp-number";
      return cell;
    }),
  );
  return row;
}
