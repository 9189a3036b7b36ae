// The names of what is drawn; each switches its series on and off.

import { colours } from "./colours.js";

/** Show the legend; `toggle` is told the key of a series that was pressed. */
export function fillLegend(root, series, toggle) {
  const palette = colours().series;
  root.replaceChildren(
    ...series.map((one) => {
      const item = document.createElement("button");
      item.type = "button";
      item.className = one.isBefore ? "lp-series lp-before" : "lp-series";
      item.setAttribute("aria-pressed", String(!one.isHidden));
      const mark = document.createElement("i");
      mark.style.borderColor = palette[one.colour % palette.length];
      const name = document.createElement("span");
      name.textContent = one.name;
      item.append(mark, name);
      item.addEventListener("click", () => toggle(one.key));
      return item;
    }),
  );
}
