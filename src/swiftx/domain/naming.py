"""Things that a command line asks for by name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Generic, Protocol, TypeVar

from swiftx.errors import NotFound


class Named(Protocol):
    """Something that has a name."""

    @property
    def name(self) -> str: ...


_T = TypeVar("_T", bound=Named)


class Names(Generic[_T]):
    """Things by name, in the order in which they were declared; plugins may add to them.

    Args:
        kind: What one of them is called in a message: `template`.
        advice: What to do about an unknown name that is close to none; the default lists all names.
    """

    def __init__(self, kind: str, things: Iterable[_T], *, advice: str | None = None) -> None:
        self._kind = kind
        self._advice = advice
        self._things = {thing.name: thing for thing in things}

    def __contains__(self, name: str) -> bool:
        return name in self._things

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        return tuple(sorted(self._things))

    def all(self) -> tuple[_T, ...]:
        """Return all things."""
        return tuple(self._things.values())

    def register(self, thing: _T) -> None:
        """Make a thing known by its name; a plugin may replace one that is already there."""
        self._things[thing.name] = thing

    def get(self, name: str) -> _T:
        """Return a thing by name.

        Raises:
            NotFound: There is none of that name; the hint has close matches.
        """
        try:
            return self._things[name]
        except KeyError:
            raise NotFound(f"There is no {self._kind} {name!r}.", hint=self._hint(name)) from None

    def _hint(self, name: str) -> str:
        close = get_close_matches(name, self._things, n=3)
        if close:
            return f"Did you mean {', '.join(close)}?"
        return self._advice or f"Choose from {', '.join(self.names())}."
