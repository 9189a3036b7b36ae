"""Signing in to the console, and out of it. Every process reads this, so it imports no page."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from unfold.forms import AuthenticationForm

from accounts.sign_in import sign_in
from audit.services import record
from core.errors import PortalError


class SignInForm(AuthenticationForm):  # type: ignore[misc] # django-unfold is not typed
    """Sign-in of people who have a role."""

    def clean(self) -> Any:
        name, password = (self.cleaned_data.get(each) for each in ("username", "password"))
        if name is not None and password:
            try:
                self.user_cache = sign_in(
                    request=self.request, username=name, password=password, needs_role=True
                )
            except PortalError as error:
                raise ValidationError(error.message) from None
        return self.cleaned_data


@receiver(user_logged_out, dispatch_uid="audit of signing out of the console")
def sign_out_is_recorded(user: Any, **_: Any) -> None:
    """Signing out of the console leaves its event, as signing in does."""
    if user is not None:
        record(actor=user, action="logout", object_type="user", object_id=user.get_username()[:64])
