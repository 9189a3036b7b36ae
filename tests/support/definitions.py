"""A source and a draft over it, for tests that never connect to the source."""

from __future__ import annotations

from loaders import services
from loaders.models import Loader, SourceDatabase
from tests.support.people import People
from tests.support.scenes import order_sql


def make_source(people: People) -> SourceDatabase:
    return services.create_source(
        user=people.admin,
        values={
            "db_code": "SHOP",
            "db_type": "POSTGRESQL",
            "host": "db.example",
            "port": 5432,
            "db_name": "shop",
            "user_name": "reader",
            "password": "x",
        },
    )


def make_draft(people: People, source: SourceDatabase) -> Loader:
    return services.create_loader(
        user=people.operator,
        values={
            "loader_code": "ORDERS",
            "source_database": source,
            "loader_sql": order_sql("POSTGRESQL"),
            "description": "Orders by region and channel.",
            "owning_team": "Shop",
            "contact": "shop@example.org",
            "enabled": True,
        },
    )


def fresh(loader: Loader) -> Loader:
    return Loader.objects.get(pk=loader.pk)
