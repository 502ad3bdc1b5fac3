"""How a declaration differs from its live table, in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.contract.table import Table
from pipeline.state.fingerprints import digest_bytes


@dataclass(frozen=True)
class Differences:
    """How a declaration differs from its live table, in words: what is added in place, and what needs a rebuild.

    `surplus` is what the live table has beyond its declaration: left over from an older one, or made by hand.
    """

    in_place: tuple[str, ...] = ()
    rebuild: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()

    def in_words(self, table: Table) -> list[str]:
        """Return what a load will do, one sentence for each difference."""
        added = [f"{table.processed}: {each}" for each in self.in_place]
        return added + [f"{table.processed}: {each}: the table is rebuilt" for each in (*self.rebuild, *self.surplus)]


def differences(declared: Table, present: Table | None) -> Differences:
    """Compare a declaration with its live table, comments and indexes apart; a table not yet there is no difference."""
    if present is None:
        return Differences()
    in_place, rebuild, surplus = [], [], []
    known = {column.name: column for column in present.columns}
    for column in declared.columns:
        old = known.pop(column.name, None)
        if old is None and not column.required:
            in_place.append(f"column {column.name} added")
        elif old is None:
            rebuild.append(f"column {column.name} added, which is required")
        elif old.type != column.type:
            rebuild.append(f"type of {column.name} changed from {old.type} to {column.type}")
        elif old.required != column.required:
            rebuild.append(f"{column.name} {'is required now' if column.required else 'may be null now'}")
    surplus += [f"column {name} dropped" for name in known]
    if declared.key != present.key:
        rebuild.append(f"key changed from ({', '.join(present.key)}) to ({', '.join(declared.key)})")
    for name, wanted, had in (
        ("check", _checks(declared), _checks(present)),
        ("reference", _references(declared), _references(present)),
    ):
        rebuild += [f"{name} {each} added" for each in sorted(wanted - had)]
        surplus += [f"{name} {each} dropped" for each in sorted(had - wanted)]
    return Differences(tuple(in_place), tuple(rebuild), tuple(surplus))


def _checks(table: Table) -> set[str]:
    return {check.definition for check in table.checks}


def _references(table: Table) -> set[str]:
    return {
        f"({', '.join(each.columns)}) to {each.parent} ({', '.join(each.parent_columns)})" for each in table.references
    }


def digest(table: Table) -> str:
    """Return the digest of what a declaration says of the rows: neither comments, but those of checks, nor indexes."""
    columns = tuple(replace(column, comment="") for column in table.columns)
    return digest_bytes(repr(replace(table, columns=columns, comment="", indexes=())).encode())
