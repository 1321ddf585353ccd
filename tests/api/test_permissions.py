"""Each route declares who may."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import Match

from modules.api import server
from modules.api.access import PUBLIC
from modules.api.routing import Permission, account
from modules.app.permissions import MAKE_MODELS, check_right, makes_models
from modules.base.accounts import LOCAL_ACCOUNT, NOBODY, Account, Role
from modules.base.errors import Forbidden
from modules.settings.options import Settings

FEWEST = 60      # routes there are
TRAINING = "/easel/v1/train", "/easel/v1/datasets", "/sdapi/v1/create/", "/sdapi/v1/train/"


def declared(route):
    return [each.call.role for each in route.dependant.dependencies if isinstance(each.call, Permission)]


def leaves(routes):
    """Those of routers within routers too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        yield from leaves(inner.routes) if inner else [route]


@pytest.fixture(scope="module")
def routes(client):
    found = [route for face in server.FACES for route in leaves(face.routes(client.app).routes)]
    assert all(isinstance(route, APIRoute) for route in found)
    return found


def test_every_route_says_who_may(routes):
    assert len(routes) >= FEWEST
    assert not [route.path for route in routes if len(declared(route)) != 1]


def test_what_the_door_lets_through_is_what_declares_that_anyone_may(routes):
    asked = [(route, {"type": "http", "method": "GET", "path": path}) for route in routes for path in PUBLIC]
    asked += [(route, {**scope, "method": "POST"}) for route, scope in asked]
    public = [route for route in routes if declared(route) == [Role.ANYONE]]
    assert {route.path for route, scope in asked if route.matches(scope)[0] is Match.FULL} == {r.path for r in public}
    assert all(any(route.matches(scope)[0] is Match.FULL and route in public for route, scope in asked
                   if scope["path"] == path) for path in PUBLIC)


def test_guests_draw_and_only_models_are_made_by_members(routes):
    """Training makes models too."""
    members = {route.path for route in routes if declared(route) == [Role.MEMBER] and not route.path.startswith(TRAINING)}
    assert members == {"/easel/v1/merge", "/easel/v1/convert", "/easel/v1/extract-lora"}


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


@pytest.mark.parametrize("members", [False, True])
def test_the_page_offers_models_to_be_made_to_whom_the_routes_let(members):
    server = replace(Settings(), members_make_models=members)
    for role in (Role.GUEST, Role.MEMBER, Role.ADMINISTRATOR):
        allowed = makes_models(Account("ann", role), server)
        assert allowed == (role == Role.ADMINISTRATOR or members and role == Role.MEMBER)
        with nullcontext() if allowed else pytest.raises(Forbidden):
            check_right(Account("ann", role), server, MAKE_MODELS)
