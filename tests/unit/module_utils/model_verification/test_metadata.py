# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Figures that a training left, and the limits that they must keep."""

from __future__ import annotations

import datetime as dt
import json
import os
import typing as t
from pathlib import Path

import pytest

from tests.unit.library.module_calls import Call, by_check


def record_of(call: Call, *models: dict[str, t.Any]) -> dict[str, t.Any]:
    made: dict[str, t.Any] = call(models=list(models), state="recorded", approved_by="A. Reviewer")[
        "record"
    ]
    return made


KEYS: t.Final = {
    "accuracy": "binary_accuracy",
    "f1": "multi_f1_score",
    "trained_at": "training_date",
    "feature_count": "feature_count",
}


def look(call: Call, model: dict[str, t.Any], text: str | None, **more: t.Any) -> dict[str, t.Any]:
    meta = Path(model["path"]).with_name("meta.json")
    meta.unlink(missing_ok=True)
    if text is not None:
        meta.write_text(text)

    manifest = more.pop("manifest", None) or record_of(call, model)
    entry = {**model, "metadata": {"path": "meta.json", "keys": KEYS}, **more}

    return by_check(call(models=[entry], manifest=manifest))


@pytest.mark.requirement("R-student_success-34", "R-student_success-76")
def test_four_figures_are_reported(call: Call, model: dict[str, t.Any]) -> None:
    text = (
        '{"binary_accuracy": 0.91, "multi_f1_score": 0.84, "training_date": "2026-01-31",'
        ' "feature_count": 42}'
    )
    found = look(call, model, text)["model:risk.metadata"]
    assert found["status"] == "ok"
    assert found["observed"] == "accuracy 0.91, f1 0.84, feature_count 42, trained 2026-01-31"


@pytest.mark.requirement("R-student_success-34", "R-student_success-76")
def test_without_metadata_training_again_is_advised(call: Call, model: dict[str, t.Any]) -> None:
    found = look(call, model, None)["model:risk.metadata"]
    assert found["status"] == "warning"
    assert "train the model again" in found["message"]


@pytest.mark.parametrize(
    "text", ["{", "[]", "1", '"text"', "[" * 100_000, " " * (1 << 20) + "{}", "\x80"]
)
def test_damaged_metadata_is_a_warning(call: Call, model: dict[str, t.Any], text: str) -> None:
    assert look(call, model, text)["model:risk.metadata"]["status"] == "warning"


@pytest.mark.requirement("R-student_success-76")
@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{}", "binary_accuracy is missing"),
        ('{"binary_accuracy": "0.9"}', "not a number"),
        ('{"binary_accuracy": true}', "not a number"),
        ('{"binary_accuracy": NaN}', "not a number"),
        ('{"binary_accuracy": 91}', "not a share"),
        ('{"training_date": "soon"}', "soon"),
        ('{"training_date": 5}', "5"),
    ],
)
def test_figures_that_are_none_are_named(
    call: Call, model: dict[str, t.Any], text: str, word: str
) -> None:
    found = look(call, model, text, limits={"accuracy": 0.5, "max_age_days": 9})
    assert found["model:risk.metadata"]["status"] == "info"
    assert word in found["model:risk.metadata"]["message"]
    assert found["model:risk.limits"]["status"] == "unknown"


def test_metadata_of_another_model_is_noticed(call: Call, model: dict[str, t.Any]) -> None:
    manifest = record_of(call, model)
    manifest["risk"].update(metrics={"accuracy": 0.91}, trained_at="2026-01-31")
    text = '{"binary_accuracy": 0.99, "training_date": "2026-02-01"}'
    found = look(call, model, text, manifest=manifest)["model:risk.metadata"]

    assert found["status"] == "warning"
    assert "accuracy is 0.99, the record has 0.91" in found["message"]
    assert "2026-02-01" in found["message"]


def test_metadata_must_lie_under_the_root_too(
    call: Call, model: dict[str, t.Any], tmp_path: Path
) -> None:
    entry = {**model, "metadata": {"path": "../elsewhere.json"}, "root": str(tmp_path)}
    (tmp_path.parent / "elsewhere.json").write_text('{"accuracy": 1}')
    found = by_check(call(models=[entry]))["model:risk.metadata"]
    assert found["status"] == "warning"
    assert "not below" in found["message"]


@pytest.mark.parametrize(
    ("limits", "status", "word"),
    [
        ({"accuracy": 0.91}, "ok", "keep"),
        ({"accuracy": 0.92}, "warning", "training the model again"),
        ({"f1": 0.84}, "ok", "keep"),
        ({"f1": 0.85}, "warning", "f1 has fallen to 0.84"),
        ({"feature_count": 42}, "ok", "keep"),
        ({"feature_count": 41}, "warning", "41"),
        ({"max_age_days": 11}, "ok", "keep"),
        ({"max_age_days": 9}, "warning", "10 days old"),
        ({"r2": 0.94}, "unknown", "r2"),
        ({"r2": 0.94, "accuracy": 0.99}, "unknown", "accuracy has fallen"),
        ({}, "info", "No limit"),
    ],
)
def test_limits(
    call: Call, model: dict[str, t.Any], limits: dict[str, t.Any], status: str, word: str
) -> None:
    trained = dt.datetime.now(dt.UTC) - dt.timedelta(days=10)
    text = json.dumps(
        {
            "binary_accuracy": 0.91,
            "multi_f1_score": 0.84,
            "training_date": trained.isoformat(),
            "feature_count": 42,
        }
    )
    found = look(call, model, text, limits=limits)["model:risk.limits"]

    assert (found["status"], word in found["message"]) == (status, True), found


@pytest.mark.requirement("R-racing-67")
def test_limits_are_held_against_the_record_without_metadata(
    call: Call, model: dict[str, t.Any]
) -> None:
    manifest = record_of(call, model)
    manifest["risk"]["metrics"] = {"r2": 0.93}
    entry = {**model, "limits": {"r2": 0.94, "requirements": ["R-racing-67"]}}
    found = by_check(call(models=[entry], manifest=manifest))["model:risk.limits"]

    assert found["status"] == "warning"
    assert found["observed"] == 0.93
    assert found["limits"] == {"warning": 0.94, "critical": None, "side": "below"}
    assert found["requirements"] == ["R-racing-67"]


def test_a_training_in_the_future_is_no_age(call: Call, model: dict[str, t.Any]) -> None:
    text = json.dumps(
        {"training_date": (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).isoformat()}
    )

    assert (
        look(call, model, text, limits={"max_age_days": 9})["model:risk.limits"]["status"]
        == "unknown"
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"binary_accuracy": %s}' % ("9" * 400),
        '{"binary_accuracy": -%s}' % ("9" * 400),
        '{"feature_count": %s}' % ("9" * 4000),
        '{"multi_f1_score": 1e999}',
        '{"feature_count": 1e308, "binary_accuracy": -1e308}',
        '{"binary_accuracy": %s}' % ("9" * 5000),
        '{"training_date": "0001-01-01T00:00:00+14:00"}',
        '{"training_date": "9999-12-31T23:59:59-14:00"}',
        '{"training_date": %s}' % ("9" * 400),
        '{"training_date": "\\ud800"}',
    ],
    ids=range(10),
)
def test_an_absurd_figure_hides_no_swapped_model(
    call: Call, model: dict[str, t.Any], tmp_path: Path, text: str
) -> None:
    other = tmp_path / "other.pkl"
    other.write_bytes(b"approved")
    swapped = {"name": "other", "path": str(other)}
    manifest = record_of(call, model, swapped)
    other.write_bytes(b"swapped!")
    limits = {"accuracy": 0.5, "feature_count": 3, "max_age_days": 9}
    (tmp_path / "meta.json").write_text(text)
    entry = {**model, "metadata": {"path": "meta.json", "keys": KEYS}, "limits": limits}

    found = by_check(call(models=[entry, swapped], manifest=manifest))

    assert found["model:other"]["status"] == "critical"
    assert found["model:risk"]["status"] == "ok"
    assert found["model:risk.limits"]["status"] in ("unknown", "warning")


def test_an_absurd_time_of_a_file_hides_no_swapped_model(
    call: Call, model: dict[str, t.Any]
) -> None:
    manifest = record_of(call, model)
    path = Path(model["path"])
    path.write_bytes(b"swapped")
    try:
        os.utime(path, (0, 1 << 40))
    except OSError:
        pytest.skip("this file system keeps no such time")

    answer = call(models=[model], manifest=manifest)

    assert by_check(answer)["model:risk"]["status"] == "critical"
