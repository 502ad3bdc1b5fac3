"""The day of a run: never after today, which is the day in the schedule's time zone."""

from __future__ import annotations

import sys
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import luigi

from pipeline.errors import PipelineError
from pipeline.settings import get_settings


class FutureDayError(PipelineError):
    """A run was asked for a day that has not come."""


def today() -> date:
    """Return the present day in the zone that `PIPELINE_TIMEZONE` names."""
    return datetime.now(ZoneInfo(get_settings().pipeline_timezone)).date()


def check_day(day: date) -> date:
    """Return a day that has come.

    Raises:
        FutureDayError: it has not; no later run could tell what it extracts from what that day has.
    """
    if day > (latest := today()):
        zone = get_settings().pipeline_timezone
        raise FutureDayError(
            f"date {day} is after today, which is {latest} in {zone} (PIPELINE_TIMEZONE): give a day up to that one"
        )
    return day


class DayParameter(luigi.DateParameter):
    """The day of a run, today unless another one is given; what is no day, or has not come, is refused."""

    def __init__(self) -> None:
        # None stands for today, so that the settings are read no sooner than a task is made.
        super().__init__(default=None, description="day of the run; today if none is given")  # type: ignore[arg-type]

    def normalize(self, x: Any) -> date:
        """Return the day.

        Raises:
            FutureDayError: it has not come.
        """
        return check_day(x.date() if isinstance(x, datetime) else x or today())

    def parse(self, s: str) -> date:
        """Return the day that the command line names; another text ends the command with one line and code 40."""
        try:
            return self.normalize(date.fromisoformat(s))
        except FutureDayError as error:
            message = str(error)
        except ValueError:
            message = f"date {s!r} is no day: give it as YYYY-MM-DD"
        print(f"error: {message}", file=sys.stderr)
        sys.exit(40)

    def serialize(self, dt: date) -> str:
        """Return the text of a day, whose year has four digits whatever the platform."""
        return dt.isoformat()
