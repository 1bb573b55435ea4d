# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of logs: those of the profiles, formats of their own, and mistakes."""

from __future__ import annotations

import datetime as dt
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_review.settings import LogReviewError, parse_sources

from tests.unit.module_utils.log_review.log_samples import findings, source
from tools import PROJECT, profiles

SYSTEMS: t.Final = [
    system
    for system in profiles.systems(PROJECT)
    if "system_log_reviews" in profiles.load(PROJECT, system)
]


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_profile_asks_what_the_module_can_answer(system: str) -> None:
    figures = profiles.load(PROJECT, system)
    raw = [source(**entry) for entry in figures["system_log_reviews"]]
    named = {name for entry in raw for review in entry["reviews"] for name in review["cadences"]}

    assert named <= {
        cadence for cadence, jobs in figures["system_jobs"].items() if "log_review" in jobs
    }

    for cadence in named:
        assert any(item.reviews for item in parse_sources(raw, None, cadence))


OWN: t.Final = {
    "lines": [r"(?P<timestamp>\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d) \[{level}\] (?P<message>[^\n]*)"],
    "begins": r"\d\d\.\d\d\.\d{4} ",
    "timestamp": "%d.%m.%Y %H:%M:%S",
    "continues": "> ",
}


def test_a_format_of_a_profile_is_read_as_it_says(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    lines = [
        f"{now - dt.timedelta(minutes=minutes):%d.%m.%Y %H:%M:%S} [{level}] bestellt\n> mehr\n"
        for minutes, level in ((5, "fehler"), (4, "INFO"), (90, "fehler"), (3, "Error"))
    ]
    log = tmp_path / "shop.log"
    log.write_text("".join(lines))
    own = {**OWN, "lines": [OWN["lines"][0].replace("{level}", r"(?P<level>\w{1,16})")]}
    asked = source(
        paths=[str(log)],
        format="own",
        own_format=own,
        level_map={"fehler": "error"},
        time_zone="UTC",
        reviews=[{"name": "errors", "levels": ["error"], "window": "1h", "warning": 0}],
    )
    found = findings(asked)

    assert found["log:app"]["message"] == "It was read as own."
    assert found["log:app.errors"]["observed"] == 2


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"format": "own"}, "format own and own_format go together"),
        ({"own_format": OWN}, "format own and own_format go together"),
        ({"format": "pyton"}, "did you mean 'python'?"),
        ({"format": "own", "own_format": {**OWN, "lines": ["("]}}, "lines[0] is not a regular"),
        (
            {"format": "own", "own_format": {**OWN, "timestamp": "", "lines": ["x"]}},
            "has no group timestamp",
        ),
        ({"format": "own", "own_format": {**OWN, "timestamp": "%H:%M"}}, "it needs a year"),
        ({"format": "own", "own_format": {**OWN, "begin": "x"}}, "did you mean 'begins'?"),
        ({"format": "python", "timestamp_key": "time"}, "go with format json"),
        ({"level_map": {"E": "error"}}, "level_map needs a named format"),
        ({"format": "json", "level_map": {"E": "eror"}}, "did you mean 'error'?"),
        ({"unfit_percent": 200}, "unfit_percent is 200; from 0 to 100"),
    ],
)
def test_a_mistake_in_a_format_is_named(keys: dict[str, t.Any], message: str) -> None:
    with pytest.raises(LogReviewError) as refused:
        parse_sources([source(paths=["/var/log/x.log"], **keys)])

    assert message in str(refused.value)
    assert str(refused.value).startswith("sources 'app'")
