// The fields above the chart: they show the state, and tell what was changed.

import { BUCKETS, COLUMNS, LIMITS } from "./address.js";
import { rangeOf } from "./buckets.js";
import { count, text } from "./texts.js";
import { inUtc, read, typed, zoneName } from "./times.js";

/** Wire the fields of `root`; `change(values)` is told what to change in the state. */
export class Controls {
  constructor(root, change) {
    this.root = root;
    this.fields = root.querySelector("form").elements;
    this.own = root.querySelector("#explorer-own");
    this.state = null;
    const { fields } = this;
    for (const name of ["bucket", "kind", "compare", "zone"]) {
      fields[name].addEventListener("change", () => change({ [name]: fields[name].value }));
    }
    fields.aggregation.addEventListener("change", () => {
      const aggregation = fields.aggregation.value;
      change({ aggregation, column: COLUMNS[aggregation][0], bucket: aggregation === "raw" ? "" : this.state.bucket });
    });
    fields.column.addEventListener("change", () => change({ column: fields.column.value }));
    fields.limit.addEventListener("change", () => change({ limit: Number(fields.limit.value) }));
    for (const button of root.querySelectorAll("[data-range]")) {
      button.addEventListener("click", () => this.press(button.dataset.range, change));
    }
    root.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.applyOwn(change);
    });
  }

  press(range, change) {
    if (range !== "own") {
      change({ range, from: null, to: null, zoom: null });
    } else if (this.own.hidden) {
      this.own.hidden = false;
      this.fields.from.focus();
    } else if (this.state.range !== "own") {
      this.own.hidden = true;
    }
  }

  applyOwn(change) {
    const { zone } = this.state;
    const [from, to] = ["from", "to"].map((name) => read(this.fields[name].value, zone));
    const problem = this.root.querySelector("#explorer-own-problem");
    const isRange = from !== null && to !== null && from < to;
    problem.textContent = isRange ? "" : text("ownRangeWrong");
    if (isRange) change({ range: "own", from, to, zoom: null });
  }

  /** Show a state; `bucket` is what "auto" came to. */
  show(state, now, bucket) {
    const isOther = this.state?.range !== state.range;
    this.state = state;
    const { fields } = this;
    for (const name of ["aggregation", "kind", "compare", "zone"]) fields[name].value = state[name];
    fields.zone.options[0].textContent = text("zoneLocal", { zone: zoneName("local") });
    const isRaw = state.aggregation === "raw";
    fields.bucket.closest(".lp-field").hidden = isRaw;
    fields.bucket.value = state.bucket;
    fields.bucket.options[0].textContent = bucket && !state.bucket && !isRaw ? text("bucketAuto", { bucket: text(`bucket-${bucket}`) }) : text("bucketAutoBare");
    this.showColumns(state);
    fields.limit.value = state.limit;
    fields.limit.closest(".lp-field").hidden = !isRaw;
    for (const button of this.root.querySelectorAll("[data-range]")) {
      button.setAttribute("aria-pressed", String(button.dataset.range === state.range));
    }
    if (isOther || state.range === "own") this.own.hidden = state.range !== "own";
    this.showOwn(state, now);
  }

  showColumns(state) {
    const columns = COLUMNS[state.aggregation];
    const { column } = this.fields;
    column.replaceChildren(...columns.map((name) => new Option(text(`column-${name}`), name)));
    column.value = state.column;
    column.disabled = columns.length === 1;
  }

  showOwn(state, now) {
    if (this.own.contains(document.activeElement)) return;
    const { from, to } = rangeOf(state, now);
    for (const [name, second] of Object.entries({ from, to })) {
      this.fields[name].value = typed(second, state.zone);
      this.fields[name].title = inUtc(second);
    }
  }
}

/** Fill the lists whose entries the state's module knows. */
export function fillChoices(root) {
  const { bucket, limit } = root.querySelector("form").elements;
  bucket.append(...Object.keys(BUCKETS).map((name) => new Option(text(`bucket-${name}`), name)));
  limit.append(...LIMITS.map((number) => new Option(count(number), number)));
}
