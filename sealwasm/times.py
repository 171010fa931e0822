"""Times as options take them: in the one form that documents have."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _Type = click.ParamType[datetime]
else:
    # Generic only in later releases of click than the oldest that will do.
    _Type = click.ParamType


class UtcTime(_Type):
    """A UTC time to the second, such as 2027-01-01T00:00:00Z."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time, or fail as click's own types do."""
        from sealing.errors import SealError
        from sealing.names import parse_time

        try:
            return parse_time(value, "time")
        except SealError:
            self.fail(f"{value!r} is not written as 2027-01-01T00:00:00Z", param, ctx)
