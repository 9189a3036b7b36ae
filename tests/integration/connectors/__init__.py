"""One suite for the connectors of every kind of source, on real servers."""

import pytest

pytest.register_assert_rewrite("tests.integration.connectors.assertions")
