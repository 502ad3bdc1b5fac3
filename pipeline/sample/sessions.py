"""`viewing_sessions-2024-*.csv`: the sessions as delivered, a file a month, each in a layout of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.sample.deliveries import CsvDelivery, Layout
from pipeline.sample.draws import Draws, portion
from pipeline.sample.people import DEVICES
from pipeline.sample.spoils import SESSION_SPOILS
from pipeline.sample.truth import Place, Truth, Waiting
from pipeline.sample.viewing import SESSION_COLUMNS, Row, Viewing

MONTHS = range(1, 13)
LAYOUTS = {
    3: Layout(packed=True),
    4: Layout(terminator="\r\n"),
    6: Layout(bom=True),
    8: Layout(order=(3, 0, 2, 1, 7, 6, 5, 4), capitals=True),
}
# Text that only a real CSV reader gets right, in three of the files.
_NEWLINE_MONTHS = (2, 5, 9)
_AWKWARD_DEVICE = 'Set-top box, "Luna"\n(second room)'


def session_file(month: int) -> str:
    """Return the name of the file of a month (1 to 12)."""
    packed = LAYOUTS.get(month, Layout()).packed
    return f"viewing_sessions-2024-{month:02d}.csv{'.gz' if packed else ''}"


@dataclass
class Redelivery:
    """A record that is delivered once more.

    Attributes:
        row: as it was delivered last.
        repaired: the same with a user and a title that exist.
        place: where it was delivered last.
        changed: whether the next delivery brings other values.
        again: whether it comes a third time.
    """

    row: Row
    repaired: Row
    place: Place
    changed: bool
    again: bool


class SessionFiles:
    """Writes the regular sessions, and works into them what deliveries bring along.

    Args:
        folder: where the files go.
        sessions: number of regular sessions.
        viewing: makes them.
        truth: what is put in is noted here.
        seed: seed of the sample.
    """

    def __init__(self, folder: Path, sessions: int, viewing: Viewing, truth: Truth, seed: int) -> None:
        self._folder = folder
        self._sessions = sessions
        self._viewing = viewing
        self._truth = truth
        self._draws = Draws(seed, 6)
        self._unknown_users: Sequence[str] = ()
        self._unknown_titles: Sequence[str] = ()
        self._due: dict[int, list[Redelivery]] = {month: [] for month in MONTHS}

    def write(self, unknown_users: Sequence[str] = (), unknown_titles: Sequence[str] = ()) -> None:
        """Write the twelve files; without unknown users and titles, nothing but valid, single records."""
        self._unknown_users = unknown_users
        self._unknown_titles = unknown_titles
        for month in MONTHS:
            layout = LAYOUTS.get(month, Layout())
            with CsvDelivery(self._folder, session_file(month), SESSION_COLUMNS, layout) as delivery:
                self._write_month(month, delivery)
                self._truth.finish_file(delivery.name, delivery.records)

    def _write_month(self, month: int, delivery: CsvDelivery) -> None:
        count = self._viewing.count(month)
        before = self._insertions(month, count) if self._unknown_users else {}
        marks = self._marks(month, count)
        stops = sorted(before.keys() | marks.keys(), reverse=True)
        position = 0
        for block in self._viewing.blocks(month):
            written = 0
            while stops and stops[-1] < position + len(block):
                stop = stops.pop()
                at = stop - position
                delivery.write_rows(block[written:at])
                for insert in before.get(stop, ()):
                    insert(delivery, block[at])
                marks.get(stop, self._plain)(delivery, block[at], month)
                written = at + 1
            delivery.write_rows(block[written:])
            position += len(block)
        for redelivery in self._due.pop(month):
            self._redeliver(delivery, redelivery, month)

    def _insertions(self, month: int, count: int) -> dict[int, list[Callable[[CsvDelivery, Row], None]]]:
        """Return what comes before which session of the month: spoiled records and redeliveries."""
        before: dict[int, list[Callable[[CsvDelivery, Row], None]]] = {}
        total = max(len(SESSION_SPOILS), self._sessions // 200)
        for number in portion(total, month - 1, 12):
            before.setdefault(self._draws.below(count), []).append(self._spoiler(number))
        for redelivery in self._due[month]:
            before.setdefault(self._draws.below(count), []).append(self._redeliverer(redelivery, month))
        # From here on it collects what comes twice in this very file.
        self._due[month] = []
        return before

    def _spoiler(self, number: int) -> Callable[[CsvDelivery, Row], None]:
        spoil = SESSION_SPOILS[number % len(SESSION_SPOILS)]

        def insert(delivery: CsvDelivery, row: Row) -> None:
            # Every third one repeats the id of a valid session, which must win all the same.
            own_id = row[0] if number % 3 == 0 else f"S{self._sessions + 1 + number:08d}"
            entry = spoil.write(delivery, SESSION_COLUMNS, (own_id, *row[1:]))
            self._truth.reject(delivery.name, entry)

        return insert

    def _redeliverer(self, redelivery: Redelivery, month: int) -> Callable[[CsvDelivery, Row], None]:
        return lambda delivery, _: self._redeliver(delivery, redelivery, month)

    def _redeliver(self, delivery: CsvDelivery, late: Redelivery, month: int) -> None:
        row = _changed(late.repaired) if late.changed else late.row
        place = (delivery.name, delivery.write_row(row))
        session_id = row[0]
        self._truth.superseded.append((*late.place, session_id))
        if session_id in self._truth.waiting:
            if late.changed:
                del self._truth.waiting[session_id]
            else:
                self._truth.waiting[session_id].place = place
        if late.again and month < MONTHS[-1]:
            third = Redelivery(row, late.repaired, place, not late.changed, again=False)
            self._due[month + 1].append(third)

    def _marks(self, month: int, count: int) -> dict[int, Callable[[CsvDelivery, Row, int], None]]:
        """Return which sessions of the month are written in which unusual way."""
        ways: list[Callable[[CsvDelivery, Row, int], None]] = []
        if self._unknown_users:
            waits = len(portion(max(6, self._sessions // 500), month - 1, 12))
            ways += [self._unknown_user] * waits + [self._unknown_title] * waits
            repeats = portion(max(24, self._sessions // 400), month - 1, 12)
            ways += [self._delivered_again(number) for number in repeats]
        ways += [_padded, _decimal, _all_quoted] * max(1, count // 20_000)
        if month in _NEWLINE_MONTHS:
            ways.append(_awkward)
        return dict(zip(self._draws.distinct(len(ways), count), ways, strict=False))

    def _plain(self, delivery: CsvDelivery, row: Row, _: int) -> None:
        delivery.write_rows([row])

    def _unknown_user(self, delivery: CsvDelivery, row: Row, month: int) -> None:
        user = self._draws.pick(self._unknown_users)
        self._wait(delivery, row, (row[0], user, *row[2:]), month, user_id=user)

    def _unknown_title(self, delivery: CsvDelivery, row: Row, month: int) -> None:
        title = self._draws.pick(self._unknown_titles)
        self._wait(delivery, row, (*row[:2], title, *row[3:]), month, content_id=title)

    def _wait(
        self,
        delivery: CsvDelivery,
        row: Row,
        waits: Row,
        month: int,
        *,
        user_id: str | None = None,
        content_id: str | None = None,
    ) -> None:
        place = (delivery.name, delivery.write_row(waits))
        self._truth.waiting[row[0]] = Waiting(place, user_id, content_id)
        # Every fourth comes again: unchanged, so it goes on waiting, or with the reference repaired.
        if self._draws.below(4) == 0:
            repaired = self._draws.below(2) == 0
            late = Redelivery(waits, row, place, changed=repaired, again=False)
            self._due[min(month + 1, 12)].append(late)

    def _delivered_again(self, number: int) -> Callable[[CsvDelivery, Row, int], None]:
        def write(delivery: CsvDelivery, row: Row, month: int) -> None:
            place = (delivery.name, delivery.write_row(row))
            due = min(month + (0, 1, 1, 3)[number // 2 % 4], 12)
            self._due[due].append(Redelivery(row, row, place, changed=number % 2 == 1, again=(number + 3) % 8 == 0))

        return write


def _changed(row: Row) -> Row:
    """Return a session with other values: shorter, and on another device."""
    *key, minutes, completion, device, quality = row
    if minutes:
        minutes = str(int(minutes) // 2)
    if completion:
        tenths = int(completion.replace(".", "")) // 2
        completion = f"{tenths // 10}.{tenths % 10}"
    device = DEVICES[(DEVICES.index(device) + 1) % 5]
    return (*key, minutes, completion, device, quality)


def _padded(delivery: CsvDelivery, row: Row, _: int) -> None:
    delivery.write_row([f" {value} " for value in row])


def _decimal(delivery: CsvDelivery, row: Row, _: int) -> None:
    delivery.write_row([*row[:4], f"{row[4]}.0" if row[4] else "", *row[5:]])


def _all_quoted(delivery: CsvDelivery, row: Row, _: int) -> None:
    delivery.write_fields(delivery.arranged(row), quote_all=True)


def _awkward(delivery: CsvDelivery, row: Row, _: int) -> None:
    delivery.write_row([*row[:6], _AWKWARD_DEVICE, row[7]])
