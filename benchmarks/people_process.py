"""Makes users of a portal for the load test, and prints a key of each as JSON.

Every fifth is an operator, the others are viewers; every other has an API token, the rest a JWT as
after a sign-in.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - models exist only now
from django.contrib.auth.models import Group  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken  # noqa: E402

from accounts.roles import Role  # noqa: E402
from accounts.tokens import create_token  # noqa: E402

EVERY_OPERATOR = 5


def make(number: int) -> dict[str, Any]:
    """One user, and its key."""
    role = Role.VIEWER if number % EVERY_OPERATOR else Role.OPERATOR
    user, _ = get_user_model().objects.get_or_create(username=f"load-{number:03}")
    user.groups.set([Group.objects.get(name=role.value)])
    if number % 2:
        token = str(AccessToken.for_user(user))
    else:
        token = create_token(actor=user, name="load", role=role.value, days=1).text
    return {"token": token, "may_run": role is Role.OPERATOR}


if __name__ == "__main__":
    sys.stdout.write(json.dumps([make(n) for n in range(int(sys.argv[1]))]) + "\n")
