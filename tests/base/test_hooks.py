"""Listeners hear; a broken one costs nobody anything."""

from __future__ import annotations

from modules.base.hooks import Hook, Hooks


def test_listeners_hear_in_the_order_they_came():
    heard, hook = [], Hook()
    for name in "abc":
        hook.add(lambda *args, name=name, **kwargs: heard.append((name, args, kwargs)))
    hook(1, path="x")
    assert heard == [(name, (1,), {"path": "x"}) for name in "abc"]


def test_a_broken_listener_is_named_in_the_log_and_passed_over(caplog):
    heard, hook = [], Hook()

    def broken():
        raise OSError("theirs")

    hook.add(broken, owner="an extension")
    hook.add(lambda: heard.append("after"))
    hook()
    assert heard == ["after"]
    assert "an extension" in caplog.text and "broken" in caplog.text and "theirs" in caplog.text


def test_every_program_has_hooks_of_its_own():
    mine, yours = Hooks(), Hooks()
    mine.image_saved.add(print)
    assert not yours.image_saved.listeners
