"""The share of rejected records above which a file is refused."""

from __future__ import annotations

GIVEN_UP_FROM = 100_000  # rejected records: a file of many millions would take hours, and fill the disk with them
RATIO_APPLIES_FROM = 100  # records; a few bad rows in a tiny file are no reason to stop


def too_many(read: int, rejected: int, most: float) -> bool:
    """Tell whether more of a source was rejected than the share that is allowed; a share equal to it is."""
    # Divided, not multiplied: 0.29 * 100 is a little less than 29.
    return read >= RATIO_APPLIES_FROM and rejected / read > most


def is_hopeless(read: int, rejected: int, most: float) -> bool:
    """Tell whether so much of a file was rejected by now that it is not worth reading to its end."""
    return rejected >= GIVEN_UP_FROM and too_many(read, rejected, most)
