"""`users.csv`: the users as delivered, with corrections, oddities and spoiled records."""

from __future__ import annotations

from pathlib import Path

from pipeline.sample.deliveries import CsvDelivery, Layout
from pipeline.sample.draws import Draws
from pipeline.sample.people import PLANS, USER_COLUMNS, People, user_id
from pipeline.sample.spoils import USER_SPOILS
from pipeline.sample.truth import Place, Truth

USERS_FILE = "users.csv"
# With so few users the file stays below 100 records, from which on loads have a limit for rejects.
_UNLIMITED = 90


def write_users(folder: Path, people: People, truth: Truth, dirty: bool, seed: int) -> list[str]:
    """Write the users; return ids that only spoiled records carry, so that no user of that id loads.

    Spoiled records stand among the others. Every second one repeats the id of a valid user: it must
    neither replace that user nor count as superseded. Some users come again at the end of the file, as
    they were or with another plan, and these later records win.
    """
    draws = Draws(seed, 5)
    padded, decimal, *repeated = draws.distinct(2 + max(2, people.count // 300), people.count)
    repeats: set[int] = set(repeated) if dirty else set()
    spoils = _spoil_places(people.count, draws) if dirty else {}
    again: list[tuple[list[str], Place]] = []
    unknown: list[str] = []
    with CsvDelivery(folder, USERS_FILE, USER_COLUMNS, Layout()) as delivery:
        for index, row in enumerate(people.rows()):
            for number in spoils.get(index, ()):
                spoil = USER_SPOILS[number % len(USER_SPOILS)]
                copy = list(row)
                if number % 2 == 0:
                    copy[0] = user_id(people.count + 1 + number)
                    unknown.append(copy[0])
                truth.reject(USERS_FILE, spoil.write(delivery, USER_COLUMNS, copy))
            written = row
            if index == padded:
                written = [f" {value} " for value in row]
            elif index == decimal and row[1]:
                written = [row[0], f"{row[1]}.0", *row[2:]]
            record = delivery.write_row(written)
            if index in repeats:
                again.append((row, (USERS_FILE, record)))
        for number, (row, place) in enumerate(again):
            later = list(row)
            if number % 2:
                later[3] = PLANS[(PLANS.index(row[3]) + 1) % 3]
            delivery.write_row(later)
            truth.superseded.append((*place, row[0]))
        truth.finish_file(USERS_FILE, delivery.records)
    return unknown


def _spoil_places(users: int, draws: Draws) -> dict[int, list[int]]:
    """Return the spoiled records by the index of the user they precede.

    About 0.5 %, but each kind once where that leaves a file of 100 records or more clearly below 4 %.
    """
    kinds = len(USER_SPOILS)
    smallest = kinds if users < _UNLIMITED else min(kinds, users * 35 // 1000)
    places: dict[int, list[int]] = {}
    for number in range(max(users // 200, smallest)):
        places.setdefault(draws.below(users), []).append(number)
    return places
