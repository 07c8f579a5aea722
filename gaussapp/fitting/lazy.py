"""Properties of immutable objects that are computed when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801
    """A property computed once: functools.cached_property without the lock it takes before Python 3.12.

    Two threads may both compute it; either result is the same.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.__doc__, self.name = compute, compute.__doc__, compute.__name__

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        if instance is None:
            return self  # type: ignore[return-value]
        value = instance.__dict__[self.name] = self.compute(instance)
        return value
