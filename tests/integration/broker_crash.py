"""A program that runs brokers and lets them die: `python -m tests.integration.broker_crash`.

Each line of its input is a folder and a point, as JSON. For each it forks a child that runs the
broker of that folder as it is shipped: `serve`, HTTP on loopback, every thread. Only the clock
stands still, and the child kills itself (SIGKILL) at the point:

- a number k: right after statement k of a transaction,
- `asked`: before a request for release is looked at,
- `head`, `body`, `sent`: before the head of its answer, before its body, right after it,
- `never`.

Its output has three lines for each: the process id, the broker's own ready line, the exit code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from keybroker.edge import serve
from keybroker.edge.app import create_app
from keybroker.settings.config import Listen
from keybroker.store.sqlite import SqliteStore
from tests.fakes.world import START

MOMENTS = ("asked", "head", "body", "sent")
ANYWHERE = Listen(port=0)


class Death:
    """The end of this process, at one point and no other."""

    def __init__(self, point: str) -> None:
        self._point = point

    def at(self, point: object) -> None:
        if str(point) == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


class Answering:
    """The moments of an answer to a request for release."""

    def __init__(self, app: Any, death: Death) -> None:
        self._app = app
        self._death = death

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != "/v1/releases":
            await self._app(scope, receive, send)
            return

        async def answer(message: Any) -> None:
            head = message["type"] == "http.response.start"
            self._death.at("head" if head else "body")
            await send(message)
            if not head:
                self._death.at("sent")

        self._death.at("asked")
        await self._app(scope, receive, answer)


def run_broker(folder: Path, point: str) -> None:
    """In a child: `serve` as it is, but for a clock that stands still and parts that can die."""
    death = Death(point)
    hooked = partial(SqliteStore.open, statement_hook=death.at)
    parts: dict[str, Any] = vars(serve)
    parts["SqliteStore"] = SimpleNamespace(open=hooked)
    parts["open_broker"] = partial(serve.open_broker, clock=lambda: START)
    parts["create_app"] = lambda broker: Answering(create_app(broker), death)
    with (folder / "log").open("a") as log:
        serve.serve(folder, listen=ANYWHERE, operations=ANYWHERE, log=log)


def main() -> None:
    for line in sys.stdin:
        folder, point = json.loads(line)
        child = os.fork()
        if child == 0:
            print(os.getpid(), flush=True)
            run_broker(Path(folder), point)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
