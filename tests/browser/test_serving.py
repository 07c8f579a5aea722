"""The app served by ``panel serve gaussapp`` and ``python -m gaussapp``, in a real browser."""

from __future__ import annotations


def test_checkout_is_served(app):
    app.follows_its_slider()
