"""axe-core over every page of the console, in both themes: nothing serious (issue 9, WCAG 2.2)."""

from __future__ import annotations

import os
from collections.abc import Iterator

from django.urls import reverse

from accounts.roles import Role
from tests.integration.test_admin_access import ACTIONS, ASKS_FIRST, pages
from tests.portal_database import PortalDatabase
from tests.support.accessible import Examiner
from tests.support.browser import Site, Visitor
from tests.support.evidence import packs_complete_at_once
from tests.support.many import add_more
from tests.support.place import Place

IS_FULL = os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
FORMS = ASKS_FIRST if IS_FULL else {"test-query", "waive", "evidence"}
"""Of buttons that ask something first: one template with other fields."""

NO_PAGE = reverse("explorer_loaders")
"""Pages are listed with what they fetch."""


def addresses(place: Place) -> Iterator[str]:
    """Every page that an administrator can open, and every form that a button leads to."""
    for address, viewers in pages(place, Role.ADMIN):
        if Role.ADMIN in viewers and not address.startswith(NO_PAGE):
            yield address
    for model, actions in ACTIONS.items():
        for action in sorted(actions.keys() & FORMS):
            yield reverse(f"admin:{model}_do", args=[place.key(model, Role.ADMIN), action])
    yield reverse("admin:password_change")


def test_axe_finds_nothing_serious_on_any_page_in_light_or_dark(
    committed_db: PortalDatabase, site: Site
) -> None:
    with packs_complete_at_once():
        place = Place()
        add_more(place, 1, 3)
    examiner = Examiner(is_thorough=IS_FULL)
    visitor = Visitor(site.browser, site.address, place.people.admin)
    found: dict[str, list[str]] = {}
    looked_at = 0
    for address in addresses(place):
        visitor.open(address)
        looked_at += 1
        for finding in examiner.grave_findings(visitor.page):
            found.setdefault(str(finding), []).append(address)
    visitor.page.goto(f"{site.address}/admin/no/such/page/")
    found |= {str(finding): ["not found"] for finding in examiner.grave_findings(visitor.page)}
    visitor.page.context.clear_cookies()
    visitor.open("/admin/login/")
    found |= {str(finding): ["login"] for finding in examiner.grave_findings(visitor.page)}
    visitor.leave()
    assert found == {}
    assert looked_at > 50


def test_axe_notices_a_field_without_a_name_and_text_that_is_too_faint_in_one_theme(
    site: Site,
) -> None:
    page = site.browser.new_page()
    page.set_content(
        "<html lang=en><title>x</title><style>body { background: #fff; color: #000 }"
        ".dark p { color: #eee }</style><main><h1>x</h1><p>Faint</p><input></main>"
    )
    found = Examiner(is_thorough=True).grave_findings(page)
    assert {finding.rule for finding in found} == {"label", "color-contrast"}
    page.close()
