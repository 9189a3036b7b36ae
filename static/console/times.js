// Tells the server the browser's zone, and says beside a field for a UTC time what it is in the zone
// that times are shown in.

(() => {
  const OWN = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const YEAR = 365 * 24 * 3600;
  const TYPED = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)$/;

  function tellZone() {
    const isSecure = location.protocol === "https:" ? "; Secure" : "";
    if (OWN) {
      document.cookie = `browser_zone=${OWN}; Path=/; Max-Age=${YEAR}; SameSite=Lax${isSecure}`;
    }
  }

  /** What was typed as UTC, in the zone, with its offset; empty for what is no such time. */
  function inZone(value, zone) {
    const found = TYPED.exec(value.trim());
    const at = new Date(found ? `${found[1]}T${found[2]}Z` : "");
    if (Number.isNaN(at.getTime())) return "";
    const form = { dateStyle: "short", timeStyle: "short", timeZone: zone };
    const shown = new Intl.DateTimeFormat("sv-SE", form).format(at);
    const named = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
    const offset = named.formatToParts(at).find((part) => part.type === "timeZoneName").value;
    return `= ${shown} ${zone} (${offset})`;
  }

  function addHints() {
    const zone = document.getElementById("zone-switch")?.dataset.zone ?? "UTC";
    if (zone === "UTC") return;
    for (const field of document.querySelectorAll("input[data-utc]")) {
      const hint = document.createElement("small");
      hint.className = "lp-zone-hint";
      hint.setAttribute("aria-live", "polite");
      const show = () => { hint.textContent = inZone(field.value, zone); };
      field.after(hint);
      field.addEventListener("input", show);
      show();
    }
  }

  tellZone();
  document.addEventListener("DOMContentLoaded", addHints);
})();
