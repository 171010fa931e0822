from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from keybroker.edge import logs
from keybroker.errors import BrokerCode, BrokerError

CANARY = "canary-0123456789"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    output = io.StringIO()
    logs.write_json_to(output)
    yield output
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_has_named_members_only(stream: io.StringIO) -> None:
    logging.getLogger("a").info("said", extra={"code": "x", "status": 200, "evidence": CANARY})
    (line,) = lines(stream)
    assert line.pop("at").endswith("+00:00")
    assert line == {"level": "info", "logger": "a", "event": "said", "code": "x", "status": 200}


def test_exception_of_others_is_logged_without_its_text(stream: io.StringIO) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        logging.getLogger("a").error("fault", exc_info=error)
    (line,) = lines(stream)
    assert line["error"]["type"] == "builtins.ValueError"
    assert "test_logs" in line["error"]["frames"][0]
    assert CANARY not in stream.getvalue()


def test_error_of_ours_is_logged_with_its_text_and_cause(stream: io.StringIO) -> None:
    try:
        try:
            raise OSError(CANARY)
        except OSError as cause:
            raise BrokerError(BrokerCode.STORE_UNAVAILABLE, "disk is full") from cause
    except BrokerError as error:
        logging.getLogger("a").error("fault", exc_info=error)
    (line,) = lines(stream)
    assert line["error"]["text"] == "store-unavailable: disk is full"
    assert line["error"]["cause"]["type"] == "builtins.OSError"
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize("length", [logs.MAX_TEXT, logs.MAX_TEXT + 1])
def test_text_of_a_peer_is_cut(stream: io.StringIO, length: int) -> None:
    logging.getLogger("a").info("x" * length, extra={"detail": "y" * length})
    (line,) = lines(stream)
    assert (len(line["event"]), len(line["detail"])) == (logs.MAX_TEXT, logs.MAX_TEXT)
