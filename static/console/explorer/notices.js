// What stands in the chart's place when there is nothing to draw, and what is said beside it.

import { text } from "./texts.js";

/** Show a sentence over the chart; buttons are pairs of label and act. */
export function say(root, sentence, buttons = []) {
  root.replaceChildren();
  root.hidden = !sentence;
  if (!sentence) return;
  const line = document.createElement("p");
  line.textContent = sentence;
  root.append(line);
  for (const [label, act] of buttons) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "lp-button";
    button.textContent = label;
    button.addEventListener("click", act);
    root.append(button);
  }
}

/** What the values are: `Average per 1 h`. */
export function describe({ column, aggregation }, { bucket }) {
  const shown = text(`column-${column}`);
  if (aggregation === "raw") return text("perSignal", { column: shown });
  return text("perBucket", { column: shown, bucket: text(`bucket-${bucket}`) });
}

/** What one should know about what is drawn, as one line. */
export function remarks(model, { count }) {
  const found = [text("drawn", { points: count(model.points), gaps: count(model.gaps) })];
  if (model.reducedFrom) found.push(text("reduced", { total: count(model.reducedFrom) }));
  if (model.isCut) found.push(text("firstSegmentsOnly"));
  return found.join(" ");
}
