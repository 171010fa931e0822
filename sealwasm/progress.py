"""Progress bars: drawn on a terminal only, and only when the work is long enough to see one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sealwasm.session import is_terminal

# Below this a bar would only flicker.
WORTH_A_BAR_BYTES = 4 << 20


@contextmanager
def progress_bar(doing: str) -> Iterator[Callable[[str, int, int], None] | None]:
    """Yield a callback (what, done, total in bytes), or None where nobody is looking."""
    if not is_terminal():
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

    bar = Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), transient=True)
    tasks: dict[str, TaskID] = {}

    def report(what: str, done: int, total: int) -> None:
        if total < WORTH_A_BAR_BYTES:
            return
        if what not in tasks:
            bar.start()
            tasks[what] = bar.add_task(f"{doing} {what}", total=total)
        bar.update(tasks[what], completed=done)

    try:
        yield report
    finally:
        bar.stop()
