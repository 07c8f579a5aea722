"""The page: everything in gaussapp that imports Panel, HoloViews or Bokeh."""

from importlib import import_module

__all__ = ["GaussApp"]


def __getattr__(name: str) -> object:
    """Import the view on first use, so that `serve` can catch whatever goes wrong in it and still show a page."""
    if name != "GaussApp":
        raise AttributeError(f"module 'gaussapp.app' has no attribute {name!r}")
    return import_module("gaussapp.app.view").GaussApp
