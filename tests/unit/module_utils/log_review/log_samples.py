# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs for tests, and calling a review with the defaults of the module's options."""

from __future__ import annotations

import datetime as dt
import time
import typing as t
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.log_review import run as review
from ansible.module_utils.upkeep.log_review.settings import parse

Answer = dict[str, t.Any]


def source(
    name: str = "app", reviews: t.Sequence[dict[str, t.Any]] = (), **keys: t.Any
) -> dict[str, t.Any]:
    """Return a log as a profile names it."""
    return {"name": name, **keys, "reviews": [dict(entry) for entry in reviews]}


def run(*sources: dict[str, t.Any], check_mode: bool = False, **arguments: t.Any) -> Answer:
    """Return the answer of a review; the state is kept nowhere unless the test says where."""
    given = {"state": "/dev/null/none", "sources": list(sources), **arguments}
    return review.run(parse(given), check_mode)


def findings(*sources: dict[str, t.Any], **arguments: t.Any) -> dict[str, Finding]:
    """Return the findings of a review by check."""
    return {found["check"]: found for found in run(*sources, **arguments)["findings"]}


def count(path: Path | str, hours: int = 24, **keys: t.Any) -> int:
    """Return how many events of the last hours fit a review of one file, which must be readable."""
    entry = {"name": "counted", "window": f"{hours}h", **keys}
    answer = run(source(paths=[str(path)], reviews=[entry]))
    found = {item["check"]: item for item in answer["findings"]}

    assert found["log:app"]["status"] in ("ok", "info"), found["log:app"]

    return int(answer["reviews"][0]["count"])


def iso(moment: float) -> str:
    """Return a time as the demo applications write it."""
    return (
        dt.datetime.fromtimestamp(moment, dt.UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def ago(**span: float) -> str:
    """Return the stamp of a moment that lies some time back."""
    return iso(time.time() - dt.timedelta(**span).total_seconds())
