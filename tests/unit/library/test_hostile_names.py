# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hostile names in the inventory: each is refused by its name, or found to be nothing."""

from __future__ import annotations

import os
import types
import typing as t
from pathlib import Path

import pytest

from library import app_tests, data_quality, health_probe, log_review, model_verify, self_heal
from tests.unit.library.module_calls import caller

#: What they would do, were they ever given to a shell, an SQL statement or a terminal.
NAMES: t.Final = [
    "x; touch {there}",
    "$(touch {there})",
    "'; touch {there} #",
    'a"\n`touch {there}`',
    "../../../{there}",
]

Make = t.Callable[[str], dict[str, t.Any]]


def probe(**options: t.Any) -> dict[str, t.Any]:
    return {"checks": [{"name": "x", "timeout": 2, **options}], "state_file": "/dev/null/none"}


def source(**options: t.Any) -> dict[str, t.Any]:
    review = {"name": "lines", **options.pop("review", {})}
    return {
        "sources": [{"name": "x", "reviews": [review], **options}],
        "state": "/dev/null/none",
        "timeout": 5,
    }


def unit(name: str) -> dict[str, t.Any]:
    return {"units": [{"name": "x", "unit": name}], "checks": [], "state_file": "/dev/null/none"}


def table(**options: t.Any) -> dict[str, t.Any]:
    check = {"name": "x", "kind": "table", "table": "y", "component": "app", **options}
    return {"checks": [check]}


def suite(**options: t.Any) -> dict[str, t.Any]:
    return {"suites": [{"name": "x", **options}], "setup": {"folder": "/nowhere", "user": "x"}}


PLACES: t.Final[dict[str, tuple[types.ModuleType, Make]]] = {
    "probe-name": (
        health_probe,
        lambda name: probe(kind="load") | {"checks": [{"name": name, "kind": "load"}]},
    ),
    "probe-unit": (health_probe, lambda name: probe(kind="unit", unit=name)),
    "probe-unit-memory": (health_probe, lambda name: probe(kind="unit_memory", unit=name)),
    "probe-process": (health_probe, lambda name: probe(kind="process", executable=f"/{name}")),
    "probe-file": (health_probe, lambda name: probe(kind="file", path=f"/nowhere/{name}")),
    "probe-log": (
        health_probe,
        lambda name: probe(kind="log_line", path=f"/nowhere/{name}", pattern="x"),
    ),
    "probe-host": (health_probe, lambda name: probe(kind="tcp", host=name, port=9)),
    "probe-url": (health_probe, lambda name: probe(kind="http", url=f"http://127.0.0.1:9/{name}")),
    "probe-user": (health_probe, lambda name: probe(kind="postgresql", database="x", run_as=name)),
    "log-name": (
        log_review,
        lambda name: source(paths=["/nowhere/x"]) | {"sources": [{"name": name}]},
    ),
    "log-path": (log_review, lambda name: source(paths=[f"/nowhere/{name}"])),
    "log-unit": (log_review, lambda name: source(kind="journal", units=[name])),
    "log-identifier": (log_review, lambda name: source(kind="journal", identifiers=[name])),
    "log-container": (log_review, lambda name: source(kind="container", containers=[name])),
    "model-path": (
        model_verify,
        lambda name: {"models": [{"name": "x", "path": name, "root": "/nowhere"}]},
    ),
    "data-name": (data_quality, lambda name: table(name=name, sqlite="/nowhere/x.db")),
    "data-file": (data_quality, lambda name: table(sqlite=f"/nowhere/{name}")),
    "data-column": (data_quality, lambda name: table(sqlite="/nowhere/x.db", time=name)),
    "heal-unit": (self_heal, unit),
    "tests-path": (app_tests, lambda name: suite(paths=[name])),
    "tests-mark": (app_tests, lambda name: suite(paths=["tests"], marker=name)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    "name", NAMES, ids=["semicolon", "substitution", "quote", "newline", "dots"]
)
@pytest.mark.parametrize("place", PLACES)
def test_a_name_is_never_more_than_a_name(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    module, make = PLACES[place]
    answer = caller(module, capsys)(**make(name.format(there=tmp_path / "there")))

    assert os.listdir(tmp_path) == []  # noqa: PTH208 - names only

    if answer.get("failed"):
        assert "Traceback" not in answer["msg"]
        assert not any(word in answer["msg"] for word in ("missing required", "Unsupported")), (
            "it is the name that is bad"
        )
    else:
        told = [found for found in answer["findings"] if found["status"] in ("ok", "info")]
        assert told == [], "nothing of that name is there to be fine"
