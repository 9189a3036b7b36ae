// Choosing a loader, and combinations of segments: both are searched on the server.

import { MOST_SEGMENTS } from "./address.js";
import { Combobox } from "./combobox.js";
import { nameOf } from "./loading.js";
import { findLoaders, findSegments } from "./source.js";
import { text } from "./texts.js";

/** The field that chooses the loader. */
export function loaderPicker(root, getState, change) {
  const input = root.querySelector("#explorer-loader");
  const box = new Combobox(input, root.querySelector("#explorer-loaders"), {
    search: async (words, signal) => {
      const { loaders, more } = await findLoaders(words, signal);
      const options = loaders.map(({ loaderCode, description }) => {
        return { value: loaderCode, label: loaderCode, hint: description, isChosen: loaderCode === getState().loader };
      });
      return { options, note: more ? text("moreLoaders") : options.length ? "" : text("noLoaderFound") };
    },
    choose: ({ value }) => {
      input.value = value;
      if (value !== getState().loader) change({ loader: value, segments: [], hidden: [], zoom: null });
      return false;
    },
    failed: (error) => error.message,
  });
  box.closed = () => (input.value = getState().loader);
  return { show: (state) => document.activeElement !== input && (input.value = state.loader), focus: () => input.focus() };
}

/** The field that adds combinations, and those that are chosen. */
export function segmentPicker(root, getState, change) {
  const input = root.querySelector("#explorer-segment");
  const chosen = root.querySelector("#explorer-chosen");
  const names = new Map();
  const toggle = (code) => {
    const { segments } = getState();
    const isIn = segments.includes(code);
    change({ segments: isIn ? segments.filter((one) => one !== code) : [...segments, code] });
  };
  const box = new Combobox(input, root.querySelector("#explorer-segments"), {
    search: async (search, signal) => {
      const state = getState();
      const { segments, more } = await findSegments(state.loader, { search }, signal);
      const options = segments.map((one) => {
        names.set(one.segmentCode, nameOf(one));
        const isChosen = state.segments.includes(one.segmentCode);
        const hint = one.description ? one.name : "";
        return { value: one.segmentCode, label: nameOf(one), hint, isChosen };
      });
      return { options, note: more ? text("moreSegments") : options.length ? "" : text("noSegmentFound") };
    },
    choose: ({ value }) => {
      const { segments } = getState();
      if (segments.length < MOST_SEGMENTS || segments.includes(value)) toggle(value);
      input.value = "";
      return false;
    },
    failed: (error) => error.message,
  });
  box.closed = () => (input.value = "");
  const show = (state) => {
    input.disabled = !state.loader;
    input.placeholder = text(placeholder(state));
    chosen.replaceChildren(...state.segments.map((code) => chip(names.get(code) || code, () => toggle(code))));
  };
  return {
    show,
    focus: () => input.focus(),
    learn: (code, name) => names.set(code, name),
  };
}

function placeholder({ segments, aggregation }) {
  if (segments.length >= MOST_SEGMENTS) return "segmentsFull";
  if (segments.length > 0) return "segmentsAdd";
  return aggregation === "raw" ? "segmentsFrequent" : "segmentsAll";
}

function chip(name, remove) {
  const item = document.createElement("button");
  item.type = "button";
  item.className = "lp-chip";
  item.title = text("segmentRemove", { name });
  const label = document.createElement("span");
  label.textContent = name;
  const mark = document.createElement("span");
  mark.className = "material-symbols-outlined";
  mark.setAttribute("aria-hidden", "true");
  mark.textContent = "close";
  item.append(label, mark);
  item.setAttribute("aria-label", item.title);
  item.addEventListener("click", remove);
  return item;
}
