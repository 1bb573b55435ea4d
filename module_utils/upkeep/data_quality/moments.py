# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Times as SQLite files hold them: without a type for them, each application has its own form."""

from __future__ import annotations

import datetime as dt
import math
import re
import typing as t

#: A time that cannot be read: neither no row nor an age.
UNREADABLE: t.Final = math.nan
#: SQLite reads numbers below this as Julian days and greater ones as seconds since 1970.
_LAST_JULIAN_DAY: t.Final = 5373484.5
_JULIAN_DAY_OF_1970: t.Final = 2440587.5
#: Seconds since 1970 are below this for another 3,000 years; greater numbers are finer units.
_MOST_SECONDS: t.Final = 1e11
_DAY: t.Final = 86400.0
_ZONE_WORD: t.Final = re.compile(r"\s*(?:UTC|GMT)$")
_SHORT_ZONE: t.Final = re.compile(r"([+-]\d\d)$")
_NUMBER: t.Final = re.compile(r"\d{1,20}(?:\.\d{1,20})?")


def age_of(value: t.Any, now: float) -> float | None:
    """Return the seconds since a moment, None for no value, UNREADABLE for another form.

    A time without a zone is UTC. ``now`` is in seconds since 1970.
    """
    if value is None:
        return None

    moment = _moment(value)

    return UNREADABLE if moment is None else now - moment


def _moment(value: t.Any) -> float | None:
    """Return seconds since 1970."""
    if isinstance(value, int | float):
        return _of_number(value)
    if not isinstance(value, str):
        return None

    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _of_number(float(text))

    zoned = _ZONE_WORD.sub("+00:00", text)
    time_of_day = zoned.partition(":")[2]
    if time_of_day:  # a day alone ends in a sign and two digits, too
        zoned = _SHORT_ZONE.sub(r"\1:00", zoned)

    try:
        parsed = dt.datetime.fromisoformat(zoned)
    except ValueError:
        return None

    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)).timestamp()


def _of_number(value: float) -> float | None:
    """Return seconds since 1970 for a number as SQLite's ``auto`` reads it, or of a finer unit."""
    if not 0 <= value < 1e20:
        return None
    if value < _LAST_JULIAN_DAY:
        return (value - _JULIAN_DAY_OF_1970) * _DAY

    while value >= _MOST_SECONDS:
        value /= 1000

    return value
