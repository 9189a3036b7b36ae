// Parts of a page that renew themselves: whoever is signed out meanwhile keeps what stood there, and
// is told so, as when the portal does not answer. Both notices go when the part is renewed again.

(() => {
  const NOTICES = ["live-signed-out", "live-unanswered"];

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

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.isError) return;
    const signedOut = isElsewhere(event.detail);
    if (signedOut) event.detail.shouldSwap = false;
    tell(signedOut ? "live-signed-out" : null);
  });
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(name, () => tell("live-unanswered"));
  }
})();
