"""Input of the benchmark: the clean sample, dealt out to as many files as asked for."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
from pathlib import Path

from pipeline.sample import write_sample

SESSIONS = "viewing_sessions"
DAY_SESSIONS = 20_000


def make(folder: Path, sessions: int, files: int) -> Path:
    """Write users, titles and `files` files of sessions to a folder named after both; keep one that is there."""
    made = folder / f"input-{sessions}-{files}"
    if (made / ".done").exists():
        return made
    shutil.rmtree(made, ignore_errors=True)
    sample = made / "sample"
    sample.mkdir(parents=True)
    write_sample(sample, sessions, 1, clean=True)
    for name in ("users.csv", "content.json"):
        (sample / name).rename(made / name)
    _deal(sorted(sample.glob(f"{SESSIONS}*")), made, sessions, files)
    shutil.rmtree(sample)
    (made / ".done").touch()
    return made


def _deal(monthly: list[Path], made: Path, sessions: int, files: int) -> None:
    """Copy the records of the monthly files, in their order, to files of equal size in one layout."""
    per_file = -(-sessions // files)
    header, out, written, number = None, None, 0, 0
    for path in monthly:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as raw:
            reader = csv.reader(io.TextIOWrapper(raw, "utf-8-sig", newline=""))
            names = [name.strip().lower() for name in next(reader)]
            header = header or names
            order = [names.index(name) for name in header]
            for record in reader:
                if out is None or written == per_file:
                    if out is not None:
                        out.close()
                    number, written = number + 1, 0
                    out = (made / f"{SESSIONS}-{number:03d}.csv").open("w", encoding="utf-8", newline="")
                    writer = csv.writer(out, lineterminator="\n")
                    writer.writerow(header)
                # awk, which numbers the records for the floor, takes every line for a record.
                writer.writerow([record[position].replace("\n", " ") for position in order])
                written += 1
    if out is not None:
        out.close()


def link(source: Path, raw: Path) -> None:
    """Put the input into a raw folder, without copying it, and read it once so that it is warm."""
    for path in source.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copyfile(path, raw / path.name)


def day_file(source: Path, raw: Path, number: int) -> Path:
    """Write one more day: sessions of the last file under new ids, on the day after the last one."""
    last = sorted(source.glob(f"{SESSIONS}*"))[-1]
    lines = last.read_text(encoding="utf-8").splitlines()
    header, records = lines[0], [line for line in lines[1:] if '"' not in line and line.count(",") == 7]
    path = raw / f"{SESSIONS}-day{number}.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write(header + "\n")
        for index in range(DAY_SESSIONS):
            fields = records[index * 7 % len(records)].split(",")
            fields[0], fields[3] = f"D{number}{index:08d}", f"2025-01-{number:02d}"
            file.write(",".join(fields) + "\n")
    return path


def edit_user(raw: Path, number: int) -> None:
    """Change the age of one user."""
    path = raw / "users.csv"
    lines = path.read_text(encoding="utf-8").split("\n")
    position = 100 + number
    fields = lines[position].split(",")
    fields[lines[0].split(",").index("age")] = str(20 + number)
    lines[position] = ",".join(fields)
    path.write_text("\n".join(lines), encoding="utf-8")
