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
    if (state.segments.length === 1) asked.set("segmentCode", state.segments[0]);
    asked.set("format", link.dataset.format);
    link.title = text(state.segments.length === 1 ? "downloadSegment" : "downloadAll");
    link.href = `${exportAddress}?${asked}`;
  }
}
