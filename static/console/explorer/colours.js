// Colours of the chart, for the light and the dark page. They keep 3:1 against its background.

const LIGHT = {
  series: ["#2563eb", "#ea580c", "#0f766e", "#7c3aed", "#854d0e", "#be185d", "#4d7c0f", "#475569"],
  text: "#4b5563",
  line: "#e5e7eb",
  axis: "#9ca3af",
  pointer: "#6b7280",
  back: "#ffffff",
};
const DARK = {
  series: ["#60a5fa", "#fb923c", "#2dd4bf", "#a78bfa", "#facc15", "#f472b6", "#a3e635", "#94a3b8"],
  text: "#9ca3af",
  line: "#27303f",
  axis: "#4b5563",
  pointer: "#9ca3af",
  back: "#1f2937",
};

export function colours() {
  return document.documentElement.classList.contains("dark") ? DARK : LIGHT;
}

/** Call back when the page is switched between light and dark. */
export function onSwitch(callback) {
  const observer = new MutationObserver(callback);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
}
