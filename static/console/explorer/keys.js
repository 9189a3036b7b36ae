// Keyboard shortcuts; `?` lists them. They rest while somebody types.

/** `acts` maps keys, as KeyboardEvent.key names them, to what they do. */
export function shortcuts(acts, help) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, [contenteditable], dialog")) return;
    const act = event.key === "?" ? () => help.showModal() : acts[event.key];
    if (!act) return;
    // Arrows belong to the chart only while it has the focus.
    if (event.key.startsWith("Arrow") && !event.target.closest("#explorer-chart")) return;
    event.preventDefault();
    act();
  });
}
