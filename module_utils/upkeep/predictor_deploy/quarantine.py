# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases that did not prove themselves, kept with what they showed."""

from __future__ import annotations

import json
import time
import typing as t
from collections.abc import Mapping

from ..base.files import read_text, write_atomic
from ..base.folders import Folder
from ..base.redact import is_secret_name, redact
from ..switching.releases import Releases
from ..switching.switch import SwitchError

_VARIABLE: t.Final = "Environment="


def is_quarantined(releases: Releases, release: str) -> bool:
    """Return whether a release failed before."""
    releases.path(release)
    try:
        with Folder.private(f"{releases.root}/quarantine") as folder:
            return folder.has(release)
    except FileNotFoundError:
        return False


def put_away(releases: Releases, release: str, error: SwitchError, units: t.Sequence[str]) -> str:
    """Take a release out of those that can serve; return the path of its evidence.

    One that ``current`` still leads to, since the way back failed, stays where its units start:
    without it nothing would serve until the host goes back by itself.
    """
    place = f"{releases.root}/quarantine"
    evidence = {
        "release": release,
        "at": time.time(),
        "problem": str(error),
        "served": error.touched,
        "answers": [answer.evidence() for answer in error.failed],
        "last_lines": [redact(line)[:500] for line in error.lines],
        "environment": _environment_difference(releases, release, units),
    }
    with Folder.private(place, make=True) as folder:
        folder.remove(release)
        with folder.make(release):
            pass
        text = json.dumps(evidence, indent=1) + "\n"
        write_atomic(f"{place}/{release}/evidence.json", text, 0o600)
        if releases.current() == release:
            return f"{place}/{release}/evidence.json"
        with (
            folder.enter(release) as inner,
            Folder.owned(f"{releases.root}/releases") as all_,
        ):
            all_.move(release, inner, "release")

    return f"{place}/{release}/evidence.json"


def take_out(releases: Releases, release: str) -> None:
    """Delete a release from quarantine, so that it may be tried again."""
    releases.path(release)
    with Folder.private(f"{releases.root}/quarantine", make=True) as folder:
        folder.remove(release)


def _environment_difference(releases: Releases, release: str, units: t.Sequence[str]) -> list[str]:
    """Return which variables of units differ from the release that serves, without secrets."""
    found = []
    for unit in units:
        old = _variables(releases, releases.current(), unit)
        new = _variables(releases, release, unit)
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                values = (_shown(name, old), _shown(name, new))
                found.append(f"{unit}: {name}: {values[0]} -> {values[1]}")

    return found


def _variables(releases: Releases, release: str, unit: str) -> dict[str, str]:
    try:
        text = read_text(releases.path(release, "units", f"{unit}.conf"), 1 << 20)
    except OSError:
        return {}

    lines = [
        line.removeprefix(_VARIABLE).strip('"')
        for line in text.splitlines()
        if line.startswith(_VARIABLE)
    ]

    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _shown(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        return "none"

    return "(secret)" if is_secret_name(name) else redact(values[name])
