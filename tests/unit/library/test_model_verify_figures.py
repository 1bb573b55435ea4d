# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module model_verify: figures of the training, their limits, what is in use, and what lies in a folder."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import re
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.model_verification import in_use

from library import model_verify
from tests.unit.library.module_calls import Call, by_check, caller


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    return caller(model_verify, capsys)


@pytest.fixture
def model(tmp_path: Path) -> dict[str, t.Any]:
    """Return the entry of a model that is there."""
    path = tmp_path / "risk.pkl"
    path.write_bytes(b"a model")
    return {"name": "risk", "path": str(path), "requirements": ["R-racing-29", "R-racing-30"]}


def record_of(call: Call, *models: dict[str, t.Any]) -> dict[str, t.Any]:
    made: dict[str, t.Any] = call(models=list(models), state="recorded", approved_by="A. Reviewer")[
        "record"
    ]
    return made


class TestFigures:
    """Metadata and limits."""

    KEYS: t.ClassVar = {
        "accuracy": "binary_accuracy",
        "f1": "multi_f1_score",
        "trained_at": "training_date",
        "feature_count": "feature_count",
    }

    def look(
        self, call: Call, model: dict[str, t.Any], text: str | None, **more: t.Any
    ) -> dict[str, t.Any]:
        meta = Path(model["path"]).with_name("meta.json")
        meta.unlink(missing_ok=True)
        if text is not None:
            meta.write_text(text)

        manifest = more.pop("manifest", None) or record_of(call, model)
        entry = {**model, "metadata": {"path": "meta.json", "keys": self.KEYS}, **more}

        return by_check(call(models=[entry], manifest=manifest))

    @pytest.mark.requirement("R-student_success-34", "R-student_success-76")
    def test_four_figures_are_reported(self, call: Call, model: dict[str, t.Any]) -> None:
        text = '{"binary_accuracy": 0.91, "multi_f1_score": 0.84, "training_date": "2026-01-31", "feature_count": 42}'
        found = self.look(call, model, text)["model:risk.metadata"]
        assert found["status"] == "ok"
        assert found["observed"] == "accuracy 0.91, f1 0.84, feature_count 42, trained 2026-01-31"

    @pytest.mark.requirement("R-student_success-34", "R-student_success-76")
    def test_without_metadata_training_again_is_advised(
        self, call: Call, model: dict[str, t.Any]
    ) -> None:
        found = self.look(call, model, None)["model:risk.metadata"]
        assert found["status"] == "warning"
        assert "train the model again" in found["message"]

    @pytest.mark.parametrize(
        "text", ["{", "[]", "1", '"text"', "[" * 100_000, " " * (1 << 20) + "{}", "\x80"]
    )
    def test_damaged_metadata_is_a_warning(
        self, call: Call, model: dict[str, t.Any], text: str
    ) -> None:
        assert self.look(call, model, text)["model:risk.metadata"]["status"] == "warning"

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
        self, call: Call, model: dict[str, t.Any], text: str, word: str
    ) -> None:
        found = self.look(call, model, text, limits={"accuracy": 0.5, "max_age_days": 9})
        assert found["model:risk.metadata"]["status"] == "info"
        assert word in found["model:risk.metadata"]["message"]
        assert found["model:risk.limits"]["status"] == "unknown"

    def test_metadata_of_another_model_is_noticed(
        self, call: Call, model: dict[str, t.Any]
    ) -> None:
        manifest = record_of(call, model)
        manifest["risk"].update(metrics={"accuracy": 0.91}, trained_at="2026-01-31")
        text = '{"binary_accuracy": 0.99, "training_date": "2026-02-01"}'
        found = self.look(call, model, text, manifest=manifest)["model:risk.metadata"]

        assert found["status"] == "warning"
        assert "accuracy is 0.99, the record says 0.91" in found["message"]
        assert "2026-02-01" in found["message"]

    def test_metadata_must_lie_under_the_root_too(
        self, call: Call, model: dict[str, t.Any], tmp_path: Path
    ) -> None:
        entry = {**model, "metadata": {"path": "../elsewhere.json"}, "root": str(tmp_path)}
        (tmp_path.parent / "elsewhere.json").write_text('{"accuracy": 1}')
        found = by_check(call(models=[entry]))["model:risk.metadata"]
        assert found["status"] == "warning"
        assert "not under" in found["message"]

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
        self, call: Call, model: dict[str, t.Any], limits: dict[str, t.Any], status: str, word: str
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
        found = self.look(call, model, text, limits=limits)["model:risk.limits"]

        assert (found["status"], word in found["message"]) == (status, True), found

    @pytest.mark.requirement("R-racing-67")
    def test_limits_are_held_against_the_record_without_metadata(
        self, call: Call, model: dict[str, t.Any]
    ) -> None:
        manifest = record_of(call, model)
        manifest["risk"]["metrics"] = {"r2": 0.93}
        entry = {**model, "limits": {"r2": 0.94, "requirements": ["R-racing-67"]}}
        found = by_check(call(models=[entry], manifest=manifest))["model:risk.limits"]

        assert (found["status"], found["observed"], found["requirements"]) == (
            "warning",
            "r2 0.93",
            ["R-racing-67"],
        )

    def test_a_training_in_the_future_is_no_age(self, call: Call, model: dict[str, t.Any]) -> None:
        text = json.dumps(
            {"training_date": (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).isoformat()}
        )

        assert (
            self.look(call, model, text, limits={"max_age_days": 9})["model:risk.limits"]["status"]
            == "unknown"
        )


@pytest.mark.requirement("R-racing-16")
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("Using OtherPredictor\nUsing SimplePredictor\nINFO done\n", "ok"),
        ("Using SimplePredictor\nUsing OtherPredictor\n", "critical"),
        ("SimplePredictor could not be loaded\n", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_newest_line_says_what_is_in_use(
    call: Call, model: dict[str, t.Any], tmp_path: Path, lines: str | None, status: str
) -> None:
    log = tmp_path / "dashboard.log"
    if lines is not None:
        log.write_text(lines)

    in_use = {"log": str(log), "pattern": "Using .*Predictor", "expected": "Using SimplePredictor"}

    assert (
        by_check(call(models=[{**model, "in_use": in_use}]))["model:risk.in_use"]["status"]
        == status
    )


class TestRotatedLogs:
    """An application says at its start what it uses; the log may have been rotated since."""

    IN_USE: t.ClassVar = {"pattern": "Using .*Predictor", "expected": "Using SimplePredictor"}

    def look(self, call: Call, model: dict[str, t.Any]) -> dict[str, t.Any]:
        in_use = {**self.IN_USE, "log": str(Path(model["path"]).with_name("app.log"))}
        return by_check(call(models=[{**model, "in_use": in_use}]))["model:risk.in_use"]

    @staticmethod
    def write(folder: Path, name: str, text: str, age: int) -> None:
        path = folder / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))

    @pytest.mark.requirement("R-racing-16")
    @pytest.mark.parametrize(
        "older", ["app.log-20260101", "app.log-20260101-030000.gz", "app.log.1", "app.log.2.gz"]
    )
    def test_the_newest_rotated_file_that_says_it_decides(
        self, call: Call, model: dict[str, t.Any], tmp_path: Path, older: str
    ) -> None:
        self.write(tmp_path, "app.log", "nothing\n", 0)
        self.write(tmp_path, "app.log-20260201", "nothing either\n", 1)
        self.write(tmp_path, older, "Using OtherPredictor\nUsing SimplePredictor\n", 2)
        self.write(tmp_path, "app.log-20251201.gz", "Using OtherPredictor\n", 3)

        assert self.look(call, model)["status"] == "ok"

        self.write(tmp_path, "app.log", "Using OtherPredictor\n", 0)

        assert self.look(call, model)["status"] == "critical"

    def test_what_is_no_rotation_of_it_is_not_asked(
        self, call: Call, model: dict[str, t.Any], tmp_path: Path
    ) -> None:
        self.write(tmp_path, "app.log", "nothing\n", 0)
        for name in ("app.log.bak", "app.log-old", "other-app.log.1", "app.log.1.zip"):
            self.write(tmp_path, name, "Using SimplePredictor\n", 1)

        (tmp_path / "app.log.1").symlink_to(tmp_path / "app.log.bak")
        (tmp_path / "app.log.2.gz").write_bytes(b"\x1f\x8bno gzip")
        os.mkfifo(tmp_path / "app.log.3")

        assert self.look(call, model)["status"] == "unknown"

    def test_only_the_end_of_a_long_compressed_log_is_kept(self, tmp_path: Path) -> None:
        self.write(tmp_path, "app.log", "", 0)
        text = "Using First\n" + "x" * 200 + "\n"
        long = "Using Old\n" + text * (2 * in_use.TAIL // len(text)) + "Using Last\n"
        self.write(tmp_path, "app.log.1.gz", long, 1)

        assert (
            in_use.newest_line(tmp_path / "app.log", re.compile("Using (Old|Last)")) == "Using Last"
        )
        assert in_use.newest_line(tmp_path / "app.log", re.compile("Using Old")) is None


@pytest.mark.requirement("R-student_success-75", "R-student_success-99")
def test_folders_are_listed_and_strangers_seen(
    call: Call, model: dict[str, t.Any], tmp_path: Path
) -> None:
    arguments = {
        "models": [model],
        "folders": [{"path": str(tmp_path), "requirements": ["R-student_success-75"]}],
    }
    check = f"models:{tmp_path}"
    found = by_check(call(**arguments))[check]

    assert (found["status"], found["observed"]) == ("ok", 1)
    assert "'risk.pkl' (7 bytes)" in found["message"]

    (tmp_path / "new\x1b.pkl").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    found = by_check(call(**arguments))[check]

    assert (found["status"], found["observed"]) == ("info", 2)
    assert "'new\\x1b.pkl'" in found["message"]

    missing = {"path": str(tmp_path / "none")}
    empty = {"path": str(tmp_path), "patterns": ["*.onnx"]}
    statuses = [item["status"] for item in call(models=[], folders=[missing, empty])["findings"]]

    assert statuses == ["critical", "warning"]
