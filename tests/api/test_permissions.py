"""Each route declares who may."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from starlette.requests import Request

from modules.api import server
from modules.api.routing import Permission, account
from modules.base.accounts import LOCAL_ACCOUNT, NOBODY, Account, Role
from modules.base.errors import Forbidden

FEWEST = 60      # routes there are


def declared(route):
    return [each.call.role for each in route.dependant.dependencies if isinstance(each.call, Permission)]


@pytest.fixture(scope="module")
def routes(client):
    found = [route for face in server.FACES for route in face.routes(client.app).routes]
    assert all(isinstance(route, APIRoute) for route in found)
    return found


def test_every_route_says_who_may(routes):
    assert len(routes) >= FEWEST
    assert not [route.path for route in routes if len(declared(route)) != 1]


def test_only_the_ping_is_for_everybody(routes):
    assert [route.path for route in routes if declared(route) == [Role.ANYONE]] == ["/internal/ping"]


def test_a_role_may_what_a_lower_one_may():
    for role in Role:
        for needed in Role:
            if role >= needed:
                Account("ann", role).check(needed)
            else:
                with pytest.raises(Forbidden):
                    Account("ann", role).check(needed)


def test_without_a_door_nobody_is_taken_for_the_owner():
    with pytest.raises(KeyError):
        account(Request({"type": "http", "headers": []}))


def test_one_persons_machine_has_an_administrator_and_who_has_not_logged_in_may_nothing():
    assert LOCAL_ACCOUNT.is_local and LOCAL_ACCOUNT.role == max(Role) and NOBODY.role == min(Role)
