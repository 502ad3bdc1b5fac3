"""Random draws whose stream never changes: the raw bits of PCG64 and whole-number arithmetic only.

numpy keeps the raw stream of a bit generator for good, but not what its distributions make of it, and
floating point sums differ between Python versions. So nothing here, or built on it, rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Ints = NDArray[np.int64]
Raw = NDArray[np.uint64]
Flags = NDArray[np.bool_]

LOW_32 = 0xFFFFFFFF


class Draws:
    """A stream of random draws.

    Args:
        seed: the seed of the sample, 0 or more.
        part: which part of the sample draws, so that parts do not disturb each other.
    """

    def __init__(self, seed: int, *part: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, *part]))

    def raw(self, count: int) -> Raw:
        """Return `count` draws of 64 bits."""
        return np.asarray(self._bits.random_raw(count), dtype=np.uint64)

    def below(self, bound: int) -> int:
        """Return a whole number from 0 to `bound` - 1."""
        return int(self._bits.random_raw()) * bound >> 64

    def pick(self, options: Sequence[T]) -> T:
        """Return one of `options`."""
        return options[self.below(len(options))]

    def distinct(self, count: int, bound: int) -> list[int]:
        """Return `count` different whole numbers below `bound`, or all of them if there are fewer."""
        found: dict[int, None] = {}
        while len(found) < min(count, bound):
            found[self.below(bound)] = None
        return list(found)

    def order(self, count: int) -> Ints:
        """Return the numbers 0 to `count` - 1 in random order."""
        return np.argsort(self.raw(count), kind="stable").astype(np.int64)


def bits(raw: Raw, shift: int, width: int) -> Ints:
    """Return `width` bits of each draw, starting at bit `shift`."""
    return (raw >> np.uint64(shift) & np.uint64((1 << width) - 1)).astype(np.int64)


def scaled(raw: Raw, bound: int) -> Ints:
    """Return even draws below `bound` (less than 2**32) from the low 32 bits."""
    return ((raw & np.uint64(LOW_32)) * np.uint64(bound) >> np.uint64(32)).astype(np.int64)


def skewed(raw: Raw, bound: int) -> Ints:
    """Return draws below `bound` (less than 2**32) of which the low ones are commoner."""
    product = (raw & np.uint64(LOW_32)) * (raw >> np.uint64(32)) >> np.uint64(32)
    return (product * np.uint64(bound) >> np.uint64(32)).astype(np.int64)


def lookup(weights: Sequence[int]) -> Ints:
    """Return a table in which the code i stands `weights[i]` times."""
    return np.repeat(np.arange(len(weights), dtype=np.int64), weights)


def portion(total: int, part: int, parts: int) -> range:
    """Return the numbers of `total` that fall to one of `parts` about equal parts (counted from 0)."""
    return range(total * part // parts, total * (part + 1) // parts)
