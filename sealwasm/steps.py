"""What a command of several steps has done when one of them fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sealwasm.session import Session


class Steps:
    """Keeps count of named steps, and says where it stopped: no step is undone."""

    def __init__(self, session: Session, names: Sequence[str]) -> None:
        """Take the steps in their order."""
        self._session = session
        self._left = list(names)
        self._done: list[str] = []

    @contextmanager
    def doing(self, name: str) -> Iterator[None]:
        """Count `name` as done when the block ends well; else say what was done and what not."""
        finished = False
        try:
            yield
            finished = True
        finally:
            if finished:
                self._left.remove(name)
                self._done.append(name)
            elif self._done:
                self._session.say(f"done: {', '.join(self._done)}")
                self._session.say(f"not done: {', '.join(self._left)}")
                self._session.say("the same command again goes on from here")
            else:
                self._session.say("nothing was done")
