"""The lesser of a token's role and its owner's roles."""

from __future__ import annotations

from itertools import combinations

import pytest

from accounts.roles import ROLE_TABLE, Role, includes, lesser

VIEWER, OPERATOR, APPROVER, ADMIN = Role
NOTHING: frozenset[Role] = frozenset()

PAIRS = {
    (VIEWER, VIEWER): {VIEWER},
    (VIEWER, OPERATOR): {VIEWER},
    (VIEWER, APPROVER): {VIEWER},
    (VIEWER, ADMIN): {VIEWER},
    (OPERATOR, VIEWER): {VIEWER},
    (OPERATOR, OPERATOR): {OPERATOR},
    (OPERATOR, APPROVER): {VIEWER},
    (OPERATOR, ADMIN): {OPERATOR},
    (APPROVER, VIEWER): {VIEWER},
    (APPROVER, OPERATOR): {VIEWER},
    (APPROVER, APPROVER): {APPROVER},
    (APPROVER, ADMIN): {APPROVER},
    (ADMIN, VIEWER): {VIEWER},
    (ADMIN, OPERATOR): {OPERATOR},
    (ADMIN, APPROVER): {APPROVER},
    (ADMIN, ADMIN): {ADMIN},
}
"""What is left, by what the owner is and what the token is."""

EVERY_SET = [frozenset(chosen) for size in range(5) for chosen in combinations(Role, size)]


def permitted(roles: frozenset[Role]) -> set[str]:
    return {permission for permission, allowed in ROLE_TABLE.items() if roles & allowed}


@pytest.mark.parametrize(("held", "limit"), PAIRS)
def test_every_pair_has_its_lesser(held: Role, limit: Role) -> None:
    assert lesser({held}, limit) == PAIRS[held, limit]


def test_whoever_is_operator_and_approver_is_both_through_an_admins_token() -> None:
    both = frozenset({OPERATOR, APPROVER})
    assert lesser(both, ADMIN) == both
    assert lesser(both, OPERATOR) == {OPERATOR}
    assert lesser(both, APPROVER) == {APPROVER}
    assert lesser(both | {ADMIN}, ADMIN) == {ADMIN}
    assert lesser(both | {VIEWER}, ADMIN) == both


@pytest.mark.parametrize("limit", Role)
def test_nothing_is_left_of_no_role(limit: Role) -> None:
    assert lesser(NOTHING, limit) == NOTHING


@pytest.mark.parametrize("held", EVERY_SET)
@pytest.mark.parametrize("limit", Role)
def test_a_token_may_nothing_that_its_owner_or_its_role_may_not(
    held: frozenset[Role], limit: Role
) -> None:
    left = permitted(lesser(held, limit))
    assert left <= permitted(held)
    assert left <= permitted(frozenset({limit}))


@pytest.mark.parametrize("greater", Role)
@pytest.mark.parametrize("role", Role)
def test_a_role_includes_another_exactly_if_it_may_all_that_the_other_may(
    greater: Role, role: Role
) -> None:
    covers = permitted(frozenset({role})) <= permitted(frozenset({greater}))
    assert includes({greater}, role) == covers
