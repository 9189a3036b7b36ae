"""How rows about columns become tables."""

from __future__ import annotations

from loaders.connectors.catalogue import Catalogue, CatalogueColumn, CatalogueTable, catalogue_of

ROWS = [
    ("public", "public", "orders", "at", "timestamptz"),
    ("public", "public", "orders", "amount", "numeric(12,2)"),
    ("public", "public", "refunds", "at", "timestamptz"),
    ("public", "sales", "orders", "id", "bigint"),
]
ORDERS = CatalogueTable(
    "public",
    "orders",
    (CatalogueColumn("at", "timestamptz"), CatalogueColumn("amount", "numeric(12,2)")),
)
REFUNDS = CatalogueTable("public", "refunds", (CatalogueColumn("at", "timestamptz"),))


def test_tables_of_the_same_name_in_two_schemas_stay_apart() -> None:
    sales = CatalogueTable("sales", "orders", (CatalogueColumn("id", "bigint"),))
    assert catalogue_of(ROWS, most=4) == Catalogue("public", (ORDERS, REFUNDS, sales))


def test_a_table_that_the_limit_cuts_is_left_out() -> None:
    assert catalogue_of(ROWS[1:], most=2).is_cut
    whole = catalogue_of([*ROWS[:3], ("public", "public", "refunds", "id", "int")], most=3)
    assert whole == Catalogue("public", (ORDERS,), is_cut=True)
    between = catalogue_of(ROWS, most=3)
    assert between == Catalogue("public", (ORDERS, REFUNDS), is_cut=True)


def test_one_table_beyond_the_limit_shows_its_first_columns() -> None:
    cut = catalogue_of(ROWS[:2], most=1)
    assert cut == Catalogue(
        "public", (CatalogueTable("public", "orders", ORDERS.columns[:1]),), is_cut=True
    )


def test_nothing_to_read_is_an_empty_catalogue() -> None:
    assert catalogue_of([], most=10) == Catalogue("", ())
