"""The broker's log: one JSON object per line, made of named members only.

Members are allow-listed: whatever else hangs on a record stays out. An exception is logged as its
type and the places it came through; its text only if it is an error of ours, whose wording holds no
secret by the rules of the house.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from keybroker.problems import REFUSED

# Long enough for every detail we write; a peer's text in it cannot flood the log.
MAX_TEXT: Final = 500
MEMBERS: Final = (
    "incident",
    "method",
    "path",
    "status",
    "milliseconds",
    "source",
    "code",
    "decision",
    "detail",
    "address",
    "identity",
    "simulated",
)


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        entry: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage()[:MAX_TEXT],
        }
        for name in MEMBERS:
            value = getattr(record, name, None)
            if value is not None:
                entry[name] = value[:MAX_TEXT] if isinstance(value, str) else value
        if record.exc_info and record.exc_info[1] is not None:
            entry["error"] = _described(record.exc_info[1])
        return json.dumps(entry, ensure_ascii=True, separators=(",", ":"))


def _described(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, REFUSED):
        described["text"] = str(error)[:MAX_TEXT]
    if error.__cause__ is not None:
        described["cause"] = _described(error.__cause__)
    return described


def write_json_to(stream: TextIO = sys.stderr) -> None:
    """Send every log record of this process to `stream`, and nowhere else."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Their lines repeat ours: the access log is written by keybroker.edge.app.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("httpx").setLevel(logging.WARNING)
