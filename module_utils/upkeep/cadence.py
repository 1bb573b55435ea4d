# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which entries of a profile are due in the cadence that is running."""

from __future__ import annotations

import typing as t

CADENCES: t.Final = ("quarter_hourly", "hourly", "daily", "weekly", "monthly", "quarterly")


def due_in(entries: t.Iterable[dict[str, t.Any]], cadence: str) -> list[dict[str, t.Any]]:
    """Return the entries of a cadence, without their key ``cadences``.

    An entry without that key belongs to every cadence. No cadence ("", a run by hand) takes all
    entries. Raises ValueError for a name that is no cadence, since such an entry would never be
    looked at.
    """
    kept = []

    for entry in entries:
        named = entry.get("cadences")
        unknown = sorted(set(named or ()) - set(CADENCES))
        if unknown or (named is not None and not named):
            known = ", ".join(CADENCES)
            raise ValueError(
                f"cadences of {entry.get('name', entry)!r}: use some of {known}, not {named}"
            )

        if not cadence or named is None or cadence in named:
            kept.append({key: value for key, value in entry.items() if key != "cadences"})

    return kept
