// The home page renews itself: quietly, only while it is looked at, and keeping what is open and
// where the keyboard is. Without JavaScript the page says when it was made, and a reload renews it.
"use strict";

(() => {
  const place = () => document.getElementById("home");
  const every = Number(place()?.dataset.refresh) * 1000;
  if (!every) return;
  let last = Date.now();
  let asking = false;

  const show = (id, shown) => {
    const found = document.getElementById(id);
    if (found) found.hidden = !shown;
  };

  // Which of the links with the focused one's address has the focus.
  const focused = () => {
    const link = document.activeElement;
    if (!place().contains(link) || !link.getAttribute("href")) return null;
    const same = [...place().querySelectorAll("a[href]")].filter((one) => one.href === link.href);
    return { href: link.href, number: same.indexOf(link) };
  };

  const replaceBy = (fresh) => {
    const kept = focused();
    const open = [...place().querySelectorAll("details[open][id]")].map((one) => one.id);
    const inSummary = document.activeElement?.closest("details > summary")?.parentElement.id;
    place().replaceWith(fresh);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (inSummary) document.querySelector(`#${inSummary} > summary`)?.focus({ preventScroll: true });
    if (!kept) return;
    const same = [...fresh.querySelectorAll("a[href]")].filter((one) => one.href === kept.href);
    same[Math.min(kept.number, same.length - 1)]?.focus({ preventScroll: true });
  };

  const renew = async () => {
    if (asking || document.hidden || Date.now() - last < every) return;
    asking = true;
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin" });
      const text = answer.ok && !answer.redirected ? await answer.text() : "";
      const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("home");
      if (!fresh) throw new Error("no home page");
      replaceBy(document.adoptNode(fresh));
      show("home-refresh", true);
    } catch {
      show("home-refresh", false);
      show("home-stale", true);
    } finally {
      last = Date.now();
      asking = false;
    }
  };

  show("home-refresh", true);
  setInterval(renew, 1000);
  document.addEventListener("visibilitychange", renew);
})();
