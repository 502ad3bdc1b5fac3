"""A central scheduler of Luigi's, for runs that are to use one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.servers import embedded
from pipeline.settings import Settings


@contextmanager
def central_scheduler(folder: Path) -> Iterator[dict[str, str]]:
    """Start `luigid` with its state in a folder of its own; yield the environment with which a run uses it."""
    settings = Settings(_env_file=None, embedded_path=folder)  # type: ignore[call-arg]
    embedded.ensure_scheduler(settings)
    address = embedded.scheduler_address(settings)
    assert address is not None
    try:
        yield {"LUIGID_HOST": address[0], "LUIGID_PORT": str(address[1])}
    finally:
        embedded.stop(settings)
