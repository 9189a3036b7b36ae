"""Which tab of a loader's page is shown."""

from __future__ import annotations

from loaderportal.loader_tabs import chosen_tab, tabs


def test_an_address_names_its_tab_and_anything_else_is_the_overview() -> None:
    assert chosen_tab("runs", {}, is_posted=False) == "runs"
    assert chosen_tab(None, {}, is_posted=False) == "overview"
    assert chosen_tab("'; --", {}, is_posted=False) == "overview"


def test_a_refused_form_opens_the_tab_with_the_error() -> None:
    sql, settings = {"loader_sql": ["x"]}, {"row_cap": ["x"]}
    assert chosen_tab("settings", sql, is_posted=True) == "sql"
    assert chosen_tab("sql", settings, is_posted=True) == "settings"
    assert chosen_tab("settings", sql | settings, is_posted=True) == "settings"
    assert chosen_tab(None, sql | settings, is_posted=True) == "settings"


def test_an_error_of_no_field_leaves_the_tab_as_it_is() -> None:
    for tab in ("sql", "settings"):
        assert chosen_tab(tab, {"__all__": ["x"]}, is_posted=True) == tab


def test_each_tab_tells_how_many_errors_stand_on_it() -> None:
    shown = tabs("sql", {"loader_sql": 1, "row_cap": 1, "domain": 1, "__all__": 1}, sees_sql=True)
    assert {tab.name: tab.errors for tab in shown if tab.errors} == {"sql": 1, "settings": 2}


def test_who_may_not_see_sql_is_promised_none() -> None:
    assert [tab.label for tab in tabs("sql", {}, sees_sql=False)][1] == "Source"
