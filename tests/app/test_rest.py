"""Asymmetric intervals come when nothing moves any more, and a move in between is as quick as any other."""

import threading

from gaussapp.app import rest

from .conftest import wait_for


def asymmetric(visitor):
    return [text for text in visitor.app._results.texts if "asymmetric" in text]


def test_asymmetric_intervals_follow_in_a_thread_when_nothing_moves(visitor, monkeypatch):
    threads, profile_of = [], rest.profile_of

    def noted(*args):
        threads.append(threading.current_thread().name)
        return profile_of(*args)

    monkeypatch.setattr(rest, "profile_of", noted)
    visitor.set("noise", 0.9)
    assert any("follow" in text for text in asymmetric(visitor))
    visitor.receive()
    for amplitude in (2.9, 3.1):
        visitor.set("amplitude", amplitude)
        visitor.receive()
    wait_for(lambda: visitor.app.scene.profile is not None)
    wait_for(lambda: any("are shown" in text for text in asymmetric(visitor)))
    assert len(threads) <= 3
    assert all(name != threading.main_thread().name for name in threads)
    assert visitor.app.scene.data.truth["amplitude"] == 3.1


def test_a_profile_that_was_overtaken_is_not_shown(app):
    shown = []
    waiting = rest.ProfileAtRest(lambda *args: shown.append(args))
    app.model.noise = 0.9
    waiting._newest = app.scene
    waiting._finish(object(), {})
    assert shown == []
