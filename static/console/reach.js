// What people who work by keyboard or by ear need, and neither Unfold nor Select2 gives: a region
// that scrolls can be reached by Tab, a field that Select2 draws has the name of its label, and the
// name of an icon ("sync_alt") is not read out where there are words.

(() => {
  const SCROLLS = ".lp-scroll, .lp-code, .lp-diff";
  const CAN_BE_REACHED = "a[href], button, input, select, textarea, summary, [tabindex]";

  function reachScrollers() {
    for (const region of document.querySelectorAll(SCROLLS)) {
      const isTooSmall =
        region.scrollWidth > region.clientWidth || region.scrollHeight > region.clientHeight;
      if (isTooSmall && !region.matches(CAN_BE_REACHED) && !region.querySelector(CAN_BE_REACHED)) {
        region.tabIndex = 0;
      }
    }
  }

  function nameChoices() {
    for (const choice of document.querySelectorAll("select.select2-hidden-accessible")) {
      const label = choice.labels[0];
      const drawn = choice.nextElementSibling;
      if (!label || !drawn) continue;
      label.id ||= `${choice.id}-label`;
      for (const part of drawn.querySelectorAll("[role=combobox], [role=textbox]")) {
        part.setAttribute("aria-labelledby", `${label.id} ${part.id}`.trim());
      }
    }
  }

  function hushIcons() {
    for (const icon of document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) {
      const owner = icon.closest("a, button, summary, [role=button]");
      const words = owner?.textContent.replaceAll(icon.textContent, "").trim();
      if (!owner || words || owner.title || owner.hasAttribute("aria-label")) {
        icon.setAttribute("aria-hidden", "true");
      }
    }
  }

  function look() {
    hushIcons();
    reachScrollers();
    nameChoices();
  }

  // Behind what jQuery does once the page is there, which may be after "load".
  window.addEventListener("load", () => setTimeout(look));
  window.addEventListener("resize", reachScrollers);
  document.addEventListener("toggle", reachScrollers, true);
  document.addEventListener("htmx:afterSettle", look);
})();
