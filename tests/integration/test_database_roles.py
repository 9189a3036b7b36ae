"""What the two database roles may do."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.portal_database import APPLICATION, OWNER

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("role", "may"), [("public", False), (APPLICATION, True), (OWNER, True)])
@pytest.mark.parametrize(
    "function", ["signals.ensure_partition(timestamptz)", "signals.drop_output(uuid,bigint)"]
)
def test_only_the_portal_makes_partitions_and_drops_output_versions(
    function: str, role: str, *, may: bool
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_function_privilege(%s, %s, 'EXECUTE')", [role, function])
        assert cursor.fetchone() == (may,)
