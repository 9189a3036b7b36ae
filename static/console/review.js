// The review page: keys that move to what an approver does, and what is heard of others meanwhile.
// Keys do nothing while somebody types, and can be switched off (WCAG 2.1.4). None of them decides:
// they move the focus, and Enter does the rest.

const OFF = "lp-review-keys-off";
const keys = document.getElementById("review-keys");
const choice = document.getElementById("review-keys-on");
const decision = document.getElementById("decision");
const comment = decision?.querySelector("textarea");

const goTo = (element) => {
  if (!element || element.disabled) return;
  element.scrollIntoView({ block: "center" });
  element.focus({ preventScroll: true });
};
const follow = (id) => document.getElementById(id)?.click();

const ACTS = {
  a: () => goTo(decision?.querySelector("[name=approve]")),
  r: () => goTo(comment),
  j: () => follow("inbox-next"),
  k: () => follow("inbox-before"),
  "?": () => {
    keys.open = !keys.open;
    if (keys.open) goTo(keys.querySelector("summary"));
  },
};

if (choice) {
  choice.checked = window.localStorage.getItem(OFF) === null;
  choice.addEventListener("change", () => {
    if (choice.checked) window.localStorage.removeItem(OFF);
    else window.localStorage.setItem(OFF, "1");
  });
}

document.addEventListener("keydown", (event) => {
  const types = event.target.closest?.("input, textarea, select, [contenteditable], .cm-editor");
  if (event.ctrlKey || event.metaKey || event.altKey || types || !choice?.checked) return;
  if (!(event.key in ACTS)) return;
  event.preventDefault();
  ACTS[event.key]();
});

// What the server says of the version meanwhile: it was decided about, or its evidence is complete.
document.addEventListener("htmx:afterSettle", () => {
  if (document.querySelector("#review-news [data-decided]")) {
    for (const button of decision?.querySelectorAll("button") ?? []) button.disabled = true;
  } else if (document.querySelector("#review-news [data-complete]") && !comment?.value) {
    window.location.reload();
  }
});
