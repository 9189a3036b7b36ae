"""One person of each role."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group

from accounts.roles import Role

PASSWORD = "a-long-password-for-tests"


class FastHasher(PBKDF2PasswordHasher):
    """PBKDF2 as in production, with one iteration."""

    iterations = 1


def person(role: Role, name: str = "") -> Any:
    """A user of the role who may enter the console."""
    user = get_user_model().objects.create_user(
        name or f"{role.value}-person", password=PASSWORD, is_staff=True
    )
    user.groups.add(Group.objects.get(name=role.value))
    return user


class People:
    """The four of them, made once a test."""

    def __init__(self) -> None:
        self.viewer = person(Role.VIEWER)
        self.operator = person(Role.OPERATOR)
        self.approver = person(Role.APPROVER)
        self.admin = person(Role.ADMIN)
