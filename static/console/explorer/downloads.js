// Links to the signals of the range as a file.

import { text } from "./texts.js";

/** Point the links of `root` to what the state shows. */
export function fillDownloads(root, exportAddress, state, plan) {
  for (const link of root.querySelectorAll("[data-format]")) {
    const asked = new URLSearchParams({
      loaderCode: state.loader,
      fromEpoch: plan.from,
      toEpoch: plan.to,
    });
    for (const code of state.segments) asked.append("segmentCode", code);
    asked.set("format", link.dataset.format);
    link.title = text(state.segments.length ? "downloadSegments" : "downloadAll");
    link.href = `${exportAddress}?${asked}`;
  }
}
