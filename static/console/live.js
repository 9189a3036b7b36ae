// A page that outlives its session. Parts that renew themselves: whoever is signed out meanwhile keeps
// what stood there, and is told so, as when the portal does not answer; the notice goes when the part
// is renewed again. Forms: a sign-in in another tab changes the token that each of them carries.

(() => {
  const NOTICES = ["live-signed-out", "live-unanswered", "live-gone"];
  const REFUSED = new Set([403, 404, 410]);

  function tell(shown) {
    for (const name of NOTICES) {
      const notice = document.getElementById(name);
      if (notice) notice.hidden = name !== shown;
    }
  }

  // Somebody who is signed out is led to another page, the sign-in.
  function isElsewhere({ xhr, pathInfo }) {
    const asked = new URL(pathInfo.requestPath, location.href);
    return xhr.responseURL !== "" && new URL(xhr.responseURL).pathname !== asked.pathname;
  }

  function cookie(name) {
    const pairs = document.cookie.split("; ").map((pair) => pair.split("="));
    return pairs.find(([key]) => key === name)?.[1];
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.isError) return;
    const signedOut = isElsewhere(event.detail);
    if (signedOut) event.detail.shouldSwap = false;
    tell(signedOut ? "live-signed-out" : null);
  });
  document.addEventListener("htmx:responseError", (event) => {
    tell(REFUSED.has(event.detail.xhr.status) ? "live-gone" : "live-unanswered");
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, () => tell("live-unanswered"));
  }
  document.addEventListener("submit", (event) => {
    const field = event.target.elements.namedItem("csrfmiddlewaretoken");
    const token = cookie("csrftoken");
    if (field && token) field.value = token;
  });
})();
