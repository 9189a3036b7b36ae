"""Who acts when a command runs: the user that `--as` names, or the system."""

from __future__ import annotations

import os
import pwd

from django.contrib.auth import get_user_model

from accounts.commands.exit_codes import UnknownActorError
from accounts.roles import SYSTEM, User


def actor_named(username: str | None) -> User:
    """The active user of this name; the system if none is named. The name is believed: whoever has
    the shell has the keys (docs/security.md). Raises UnknownActorError."""
    if username is None:
        return SYSTEM
    user = get_user_model().objects.filter(username=username).first()
    if user is None:
        raise UnknownActorError(f"There is no user {username}.")
    if not user.is_active:
        raise UnknownActorError(f"User {username} is locked out.")
    return user


def shell_account() -> str:
    """The operating system's account that the command runs under, for the audit trail. From the
    process itself: its environment could say anything."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's account often has no name
        return f"uid {uid}"
