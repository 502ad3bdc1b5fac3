"""A limit on the memory of what nobody can tell beforehand how large it becomes."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATUS = Path("/proc/self/status")


@contextmanager
def limited_memory(more: int) -> Iterator[None]:
    """Let the block take no more than `more` bytes of memory beyond what this process has.

    Raises:
        MemoryError: it wanted more; with it, what the block held is free again.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    taken = next(int(line.split()[1]) << 10 for line in STATUS.read_text().splitlines() if line.startswith("VmData"))
    wanted = taken + more
    limits = [limit for limit in (soft, hard, wanted) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
