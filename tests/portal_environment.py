"""The environment that the portal's settings need, set before pytest-django loads them.

The database's address is a placeholder here: `conftest.py` puts the run's own server in its place.
"""

from __future__ import annotations

import base64
import os

os.environ.update(
    {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "LOADERPORTAL_SECRET_KEY": "only-for-tests-" + "0" * 32,
        "ENCRYPTION_KEY": base64.b64encode(b"only-for-tests".ljust(32, b"0")).decode(),
        "LOADERPORTAL_APP_ROLE": "portal_app",
        "LOADERPORTAL_ENVIRONMENT": "test",
        "LOADERPORTAL_INSECURE_COOKIES": "true",
        "LOADERPORTAL_RATE_LIMIT": "1000000/min",  # tests that call often are no attack
        "LOADERPORTAL_REPLICA_NAME": "test-replica",
    }
)
