"""`manage.py token`: API tokens of a user."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from accounts.api_tokens import TokenAnswer
from accounts.commands import Act, ActingCommandGroup, Answer, Call, table
from accounts.models import ApiToken
from accounts.roles import Permission, Role
from accounts.tokens import create_token, get_token, revoke_token, tokens_seen_by

_COLUMNS = ("ID", "NAME", "OWNER", "ROLE", "STATE", "EXPIRES (UTC)", "LAST USED (UTC)")


class ListTokens(Act):
    """The tokens that the actor sees."""

    name = "list"
    help = "List the tokens of the user that --as names; all, for an admin or the system."
    example = "manage.py token list --owner amal"
    needs = Permission.VIEW

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", metavar="USERNAME", help="only those of this user")

    def run(self, call: Call) -> Answer:
        tokens: Any = tokens_seen_by(call.user)
        if call.options["owner"]:
            tokens = tokens.filter(user__username=call.options["owner"])
        found = list(tokens)
        rows = [_row(token) for token in found]
        return Answer({"results": _documents(found)}, table(_COLUMNS, rows))


class CreateToken(Act):
    """A token for the user that `--as` names."""

    name = "create"
    help = "Make a token for the user that --as names, and print it: this once, and never again."
    example = "manage.py token create nightly-export --role viewer --days 90 --as amal"
    needs = Permission.OWN_TOKENS
    by_persons_only = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("token_name", metavar="NAME", help="what the token is for")
        roles = [role.value for role in Role]
        parser.add_argument("--role", choices=roles, default=Role.VIEWER.value)
        parser.add_argument("--days", type=int, help="days until it expires")

    def run(self, call: Call) -> Answer:
        made = create_token(
            actor=call.user,
            name=call.options["token_name"],
            role=call.options["role"],
            days=call.options["days"],
        )
        return Answer({**_documents([made.row])[0], "token": made.text}, made.text)


class RevokeToken(Act):
    """The end of a token."""

    name = "revoke"
    help = "Revoke a token of the user that --as names; anybody's, for an admin or the system."
    example = "manage.py token revoke 01936f6e-8c1a-7d3b-a5c4-0e2f9b7d6a10 --as amal"
    needs = Permission.OWN_TOKENS

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("token_id", metavar="ID", type=UUID, help="as `token list` shows it")

    def run(self, call: Call) -> Answer:
        token = get_token(call.options["token_id"], user=call.user)
        revoke_token(actor=call.user, token=token)
        token = get_token(token.pk, user=call.user)
        return Answer(_documents([token])[0], f"{token.name} is revoked.")


class Command(ActingCommandGroup):
    """Tokens, as `tokens/` of the API has them."""

    help = "List, make and revoke API tokens."
    acts = (ListTokens, CreateToken, RevokeToken)


def _documents(tokens: list[ApiToken]) -> list[dict[str, Any]]:
    return [dict(TokenAnswer(token).data) for token in tokens]


def _row(token: ApiToken) -> tuple[object, ...]:
    owner = token.user.get_username()
    last = token.last_used_at or "Never"
    return (token.pk, token.name, owner, token.role, token.state, token.expiry, last)
