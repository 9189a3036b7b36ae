// Tabs of a loader's page are links. Two of them show parts of the same form: between those this
// moves without loading, so that nothing typed is lost. The link that was followed has the focus
// again on the page that it led to.

const nav = document.getElementById("loader-tabs");
const FORM = ["sql", "settings"];
const FOLLOWED = "lp-followed-tab";

function show(name) {
  nav.dataset.shown = name;
  for (const link of nav.querySelectorAll("a")) {
    if (link.dataset.tab === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const form = document.getElementById("loader_form");
  form?.setAttribute("action", window.location.pathname + window.location.search);
  window.dispatchEvent(new Event("resize")); // what was hidden can measure itself now
}

nav.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const name = link.dataset.tab;
  if (FORM.includes(name) && FORM.includes(nav.dataset.shown)) {
    event.preventDefault();
    if (name === nav.dataset.shown) return;
    window.history.pushState({}, "", link.href);
    show(name);
  } else {
    window.sessionStorage.setItem(FOLLOWED, name);
  }
});

window.addEventListener("popstate", () => {
  const name = new URLSearchParams(window.location.search).get("tab");
  if (FORM.includes(name) && FORM.includes(nav.dataset.shown)) show(name);
  else window.location.reload();
});

const current = nav.querySelector("[aria-current]");
current?.scrollIntoView({ block: "nearest", inline: "nearest" });
if (window.sessionStorage.getItem(FOLLOWED) === current?.dataset.tab) {
  current.focus({ preventScroll: true });
}
window.sessionStorage.removeItem(FOLLOWED);
