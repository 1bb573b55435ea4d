# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module model_verify: good, swapped, missing and unrecorded models, and making records."""

from __future__ import annotations

import hashlib
import os
import signal
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.model_verification import reader as verify
from ansible.module_utils.upkeep.model_verification import reading, run

from library import model_verify
from tests.unit.library.module_calls import Call, by_check, caller

CONTENT: t.Final = b"a model"
RECORD: t.Final = {
    "md5": "bbb66b90a6fb0fb3fe1e8ff3a2a1a6c6",
    "sha256": "0" * 64,
    "bytes": len(CONTENT),
}


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    return caller(model_verify, capsys)


@pytest.fixture
def model(tmp_path: Path) -> dict[str, t.Any]:
    """Return the entry of a model that is there."""
    path = tmp_path / "risk.pkl"
    path.write_bytes(CONTENT)
    return {"name": "risk", "path": str(path), "requirements": ["R-racing-29", "R-racing-30"]}


def record_of(call: Call, *models: dict[str, t.Any]) -> dict[str, t.Any]:
    made: dict[str, t.Any] = call(models=list(models), state="recorded", approved_by="A. Reviewer")[
        "record"
    ]
    return made


@pytest.mark.requirement("R-racing-15", "R-racing-29", "R-racing-30")
@pytest.mark.parametrize("check_mode", [True, False])
def test_an_approved_file_is_fine_and_nothing_changes(
    call: Call, model: dict[str, t.Any], check_mode: bool
) -> None:
    manifest = record_of(call, model)
    before = Path(model["path"]).stat()
    answer = call(models=[model], manifest=manifest, _ansible_check_mode=check_mode)
    found = by_check(answer)["model:risk"]

    assert answer["changed"] is False
    assert answer["record"] == {}
    assert found["status"] == "ok"
    assert found["observed"] == found["expected"] == f"sha256 {manifest['risk']['sha256']}"
    assert found["requirements"] == ["R-racing-29", "R-racing-30"]
    assert answer["models"][0]["bytes"] == len(CONTENT)
    assert Path(model["path"]).stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.requirement("R-racing-15", "R-racing-30")
@pytest.mark.parametrize(
    ("record", "differing"),
    [
        ({"sha256": "0" * 64}, "sha256"),
        ({"md5": "0" * 32}, "md5"),
        ({"bytes": 8}, "bytes"),
        ({"md5": "0" * 32, "sha256": "0" * 64}, "md5 and sha256"),
    ],
)
def test_a_swapped_file_is_critical_and_says_by_what(
    call: Call, model: dict[str, t.Any], record: dict[str, t.Any], differing: str
) -> None:
    manifest = record_of(call, model)
    manifest["risk"].update(record)
    found = by_check(call(models=[model], manifest=manifest))["model:risk"]

    assert found["status"] == "critical"
    assert f"({differing} differ)" in found["message"]
    assert found["observed"] != found["expected"]


@pytest.mark.requirement("R-racing-30")
def test_nothing_to_compare_with_is_unknown_and_says_how_to_record(
    call: Call, model: dict[str, t.Any]
) -> None:
    found = by_check(call(models=[model], manifest={"other": RECORD}))["model:risk"]
    assert found["status"] == "unknown"
    assert "playbooks/record_models.yml" in found["message"]


@pytest.mark.requirement("R-racing-15")
def test_a_missing_file_is_critical(call: Call, model: dict[str, t.Any]) -> None:
    Path(model["path"]).unlink()
    answer = call(models=[model], manifest={"risk": RECORD})
    assert by_check(answer)["model:risk"]["status"] == "critical"
    assert answer["models"] == [{**answer["models"][0], "readable": False}]


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ("text", "not a mapping"),
        ({}, "no sha256"),
        ({**RECORD, "md5": 12345}, "md5 is 12345"),
        ({"md5": RECORD["md5"]}, "can be forged"),
        ({**RECORD, "md5": "g" * 32}, "hexadecimal"),
        ({"sha256": "0" * 32}, "sha256"),
        ({**RECORD, "bytes": "7"}, "bytes"),
        ({**RECORD, "bytes": True}, "bytes"),
        ({**RECORD, "sha1": "0" * 40}, "sha1"),
        ({**RECORD, "metrics": {"r2": "good"}}, "metrics"),
        ({**RECORD, "metrics": {"r2": 10**400}}, "metrics"),
        ({**RECORD, "metrics": {"auc": 1}}, "auc"),
        ({**RECORD, "trained_at": "last year"}, "last year"),
        (None, "NoneType"),
    ],
)
def test_a_damaged_record_is_unknown_and_others_are_judged(
    call: Call, model: dict[str, t.Any], record: t.Any, word: str
) -> None:
    other = {**model, "name": "other"}
    manifest = {**record_of(call, other), "risk": record}
    found = by_check(call(models=[model, other], manifest=manifest))

    assert found["model:risk"]["status"] == "unknown"
    assert found["model:other"]["status"] == "ok"
    assert word in found["model:risk"]["message"]


def test_a_host_that_refuses_md5_is_judged_by_sha256(
    call: Call, model: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = record_of(call, model)

    def no_md5(
        path: Path, root: Path, algorithms: t.Iterable[str], size: int | None
    ) -> reading.FileReading:
        def digester(name: str) -> t.Any:
            if name == "md5":
                raise ValueError("disabled")
            return reading.new_digest(name)

        return reading.read(path, root, algorithms, size, digester)

    monkeypatch.setattr(verify, "read", no_md5)
    found = by_check(call(models=[model], manifest=manifest))

    assert found["model:risk"]["status"] == "ok"
    assert found["model:risk.md5"]["status"] == "info"

    swapped = {"risk": {**manifest["risk"], "sha256": "0" * 64}}

    assert by_check(call(models=[model], manifest=swapped))["model:risk"]["status"] == "critical"


def test_a_host_without_md5_in_its_libraries_is_judged_by_sha256(
    call: Call, model: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under FIPS rules that know no exception: MD5 by whatever name is an error."""
    manifest = record_of(call, model)
    real = hashlib.new

    def refuse(name: str, *args: t.Any, **named: t.Any) -> t.Any:
        if name.lower() == "md5":
            raise ValueError("[digital envelope routines] unsupported")
        return real(name, *args, **named)

    monkeypatch.setattr(hashlib, "new", refuse)
    monkeypatch.setattr(hashlib, "md5", lambda *args, **named: refuse("md5"))
    answer = call(models=[model], manifest=manifest)
    statuses = {check: found["status"] for check, found in by_check(answer).items()}

    assert statuses == {"model:risk": "ok", "model:risk.md5": "info"}

    recorded = call(models=[model], state="recorded", approved_by="A. Reviewer")["record"]["risk"]

    assert set(recorded) == {"sha256", "bytes", "approved_by"}


@pytest.mark.parametrize(
    "name", ["it's.pkl", 'a"b.pkl', "a;id.pkl", "$(id).pkl", "-rf.pkl", "a b.pkl", "*.pkl", "ü.pkl"]
)
def test_a_file_may_be_called_anything(call: Call, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(CONTENT)
    hostile = {"name": "risk", "path": name, "root": str(tmp_path)}
    manifest = record_of(call, hostile)
    folders = [{"path": str(tmp_path)}]
    statuses = [
        item["status"]
        for item in call(models=[hostile], manifest=manifest, folders=folders)["findings"]
    ]

    assert statuses == ["ok", "ok"]


def test_a_file_exchanged_whenever_it_is_read_is_critical(
    call: Call, model: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever puts the good file back in time is noticed: the path must lead to what was read."""
    manifest = record_of(call, model)
    path, real = Path(model["path"]), os.read

    def exchange(descriptor: int, size: int) -> bytes:
        path.with_name("other").write_bytes(CONTENT)
        path.with_name("other").replace(path)
        return real(descriptor, size)

    monkeypatch.setattr(reading.os, "read", exchange)
    found = by_check(call(models=[model], manifest=manifest))["model:risk"]

    assert found["status"] == "critical"
    assert "find out who writes it" in found["message"]


@pytest.mark.parametrize("harm", ["hang", "die", "burst"])
def test_a_reader_that_fails_costs_its_own_model_only(
    call: Call, model: dict[str, t.Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    (tmp_path / "other.pkl").write_bytes(CONTENT)
    other = {"name": "other", "path": str(tmp_path / "other.pkl")}
    manifest = record_of(call, model, other)

    def harmful(
        path: Path, root: Path, algorithms: t.Iterable[str], size: int | None
    ) -> reading.FileReading:
        if path.name == "risk.pkl":
            match harm:
                case "hang":
                    signal.pause()
                case "die":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "burst":
                    bytearray(4 << 30)
        return reading.read(path, root, algorithms, size)

    monkeypatch.setattr(verify, "read", harmful)
    found = by_check(call(models=[model, other], manifest=manifest, timeout=1))

    assert found["model:risk"]["status"] == "unknown"
    assert found["model:other"]["status"] == "ok"


def test_a_manifest_that_cannot_be_trusted_makes_nothing_ok_and_records_nothing(
    call: Call, model: dict[str, t.Any]
) -> None:
    manifest = record_of(call, model)
    arguments = {
        "models": [model],
        "manifest": manifest,
        "manifest_problem": "its signature is void",
    }
    found = by_check(call(**arguments))["model:risk"]

    assert found["status"] == "unknown"
    assert "its signature is void" in found["message"]

    refused = call(**arguments, state="recorded", approved_by="A. Reviewer")

    assert refused["failed"]
    assert "its signature is void" in refused["msg"]


def test_many_models_are_judged_in_order_by_one_call(call: Call, tmp_path: Path) -> None:
    models = [{"name": f"m{i}", "path": f"m{i}.pkl", "root": str(tmp_path)} for i in range(20)]
    for i in range(20):
        (tmp_path / f"m{i}.pkl").write_bytes(bytes([i]) * 1000)

    manifest = record_of(call, *models)
    (tmp_path / "m7.pkl").write_bytes(b"swapped")
    answer = call(models=models, manifest=manifest, workers=4)
    statuses = {check: found["status"] for check, found in by_check(answer).items()}

    assert list(statuses) == [f"model:m{i}" for i in range(20)]
    assert {check for check, status in statuses.items() if status != "ok"} == {"model:m7"}


def test_as_many_models_are_read_at_a_time_as_there_are_workers(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of four waits until the other three are being read, too.

    One after the other they would wait for ever.
    """
    models = [{"name": f"m{i}", "path": f"m{i}.pkl", "root": str(tmp_path)} for i in range(8)]
    for model in models:
        (tmp_path / model["path"]).write_bytes(CONTENT)

    def waiting(
        path: Path, root: Path, algorithms: t.Iterable[str], size: int | None
    ) -> reading.FileReading:
        path.with_suffix(".begun").touch()
        first = int(path.stem[1:]) // 4 * 4
        give_up = time.monotonic() + 20
        while not all((tmp_path / f"m{first + i}.begun").exists() for i in range(4)):
            assert time.monotonic() < give_up
            time.sleep(0.01)
        return reading.read(path, root, algorithms, size)

    manifest = record_of(call, *models)
    monkeypatch.setattr(verify, "read", waiting)
    answer = call(models=models, manifest=manifest, workers=4)

    assert [found["status"] for found in answer["findings"]] == ["ok"] * 8


class TestRecording:
    """State recorded: an action of its own that returns records and writes nothing."""

    @pytest.mark.requirement("R-racing-30")
    def test_a_first_record_and_then_none(self, call: Call, model: dict[str, t.Any]) -> None:
        first = call(models=[model], state="recorded", approved_by="A. Reviewer")

        assert first["changed"] is False
        assert set(first["record"]["risk"]) == {"md5", "sha256", "bytes", "approved_by"}
        assert by_check(first)["model:risk"]["status"] == "info"

        again = call(
            models=[model], state="recorded", approved_by="B. Other", manifest=first["record"]
        )

        assert again["record"] == {}
        assert by_check(again)["model:risk"]["status"] == "ok"

    def test_a_record_is_replaced_only_by_name(self, call: Call, model: dict[str, t.Any]) -> None:
        manifest = record_of(call, model)
        Path(model["path"]).write_bytes(b"another")
        arguments = {
            "models": [model],
            "manifest": manifest,
            "state": "recorded",
            "approved_by": "A. Reviewer",
        }
        kept = call(**arguments)

        assert kept["record"] == {}
        assert by_check(kept)["model:risk"]["status"] == "critical"

        replaced = call(**arguments, replace=["risk"])["record"]

        assert replaced["risk"]["sha256"] != manifest["risk"]["sha256"]
        assert call(**{**arguments, "manifest": replaced}, replace=["risk"])["record"] == {}

    def test_a_damaged_record_is_not_overwritten_unasked(
        self, call: Call, model: dict[str, t.Any]
    ) -> None:
        arguments = {
            "models": [model],
            "manifest": {"risk": "?"},
            "state": "recorded",
            "approved_by": "A. Reviewer",
        }

        assert call(**arguments)["record"] == {}
        assert "sha256" in call(**arguments, replace=["risk"])["record"]["risk"]

    def test_figures_of_the_training_are_recorded(
        self, call: Call, model: dict[str, t.Any], tmp_path: Path
    ) -> None:
        (tmp_path / "meta.json").write_text('{"r2": 0.955, "trained_at": "2026-01-31", "note": 1}')
        made = record_of(call, {**model, "metadata": {"path": "meta.json"}})

        assert made["risk"]["metrics"] == {"r2": 0.955}
        assert made["risk"]["trained_at"] == "2026-01-31"

    def test_a_missing_file_gets_no_record(self, call: Call, model: dict[str, t.Any]) -> None:
        Path(model["path"]).unlink()
        answer = call(models=[model], state="recorded", approved_by="A. Reviewer")

        assert answer["record"] == {}
        assert by_check(answer)["model:risk"]["status"] == "critical"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"models": [{"name": "Risk", "path": "/m"}]}, "'Risk'"),
        ({"models": [{"name": "a\nb", "path": "/m"}]}, "a\\nb"),
        ({"models": [{"name": "../../etc", "path": "/m"}]}, "../../etc"),
        ({"models": [{"name": "a'; id; '", "path": "/m"}]}, "id;"),
        ({"models": [{"name": "a", "path": "m\nn", "root": "/"}]}, "m\\nn"),
        ({"models": [{"name": "a", "path": "m"}]}, "begin with /"),
        ({"models": [{"name": "a", "path": "/m/"}]}, "name a file"),
        ({"models": [{"name": "a", "path": ""}]}, "name a file"),
        ({"models": [{"name": "a", "path": "/m\0"}]}, "NUL"),
        ({"models": [{"name": "a", "path": "/\x1b[31m"}]}, "\\x1b"),
        ({"models": [{"name": "a", "path": "m", "root": "r"}]}, "root is 'r'"),
        ({"models": [{"name": "a", "path": "/m"}, {"name": "a", "path": "/n"}]}, "duplicate name"),
        ({"models": [{"name": "a", "path": "/m", "limits": {"r2": 94}}]}, "limits.r2 is 94"),
        ({"models": [{"name": "a", "path": "/m", "limits": {"max_age_days": 0}}]}, "max_age_days"),
        ({"models": [{"name": "a", "path": "/m", "limits": {"r3": 1}}]}, "r3"),
        (
            {
                "models": [
                    {"name": "a", "path": "/m", "metadata": {"path": "x", "keys": {"auc": "b"}}}
                ]
            },
            "auc",
        ),
        (
            {
                "models": [
                    {
                        "name": "a",
                        "path": "/m",
                        "in_use": {"log": "/l", "pattern": "(", "expected": "x"},
                    }
                ]
            },
            "'('",
        ),
        (
            {
                "models": [
                    {
                        "name": "a",
                        "path": "/m",
                        "in_use": {"log": "/l", "pattern": "x", "expected": ""},
                    }
                ]
            },
            "in_use.expected",
        ),
        ({"models": [], "folders": [{"path": "rel"}]}, "'rel'"),
        ({"models": [], "algorithms": ["sha1"]}, "sha1"),
        ({"models": [], "algorithms": []}, "algorithms"),
        ({"models": [], "algorithms": ["md5"]}, "sha256"),
        ({"models": [], "timeout": 0}, "timeout"),
        ({"models": [], "workers": 0}, "workers"),
        ({"models": [], "state": "recorded"}, "approved_by"),
        ({"models": [], "state": "recorded", "approved_by": "x", "replace": ["y"]}, "'y'"),
        ({"models": [{"name": "a", "path": "/m"}], "replace": ["a"]}, "recorded"),
        ({}, "models"),
    ],
)
def test_bad_input_fails_and_is_named(call: Call, arguments: dict[str, t.Any], word: str) -> None:
    answer = call(**arguments)
    assert answer["failed"]
    assert word in answer["msg"]


def test_no_model_is_said(call: Call) -> None:
    assert by_check(call(models=[]))["model:none"]["status"] == "info"


def test_an_endless_file_in_the_place_of_a_model_is_critical(
    call: Call, model: dict[str, t.Any]
) -> None:
    manifest = record_of(call, model)
    with Path(model["path"]).open("wb") as stream:
        stream.truncate(8 << 40)

    found = by_check(call(models=[model], manifest=manifest, timeout=5))["model:risk"]

    assert found["status"] == "critical"
    assert "(bytes differ)" in found["message"]


def test_models_for_which_no_time_is_left_are_unknown_and_the_module_reports(
    call: Call, model: dict[str, t.Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [{"name": f"m{i}", "path": model["path"]} for i in range(3)]

    def slow(
        path: Path, root: Path, algorithms: t.Iterable[str], size: int | None
    ) -> reading.FileReading:
        signal.pause()
        raise AssertionError

    monkeypatch.setattr(verify, "read", slow)
    # A busy machine must not reach the module's own end before the models' is told.
    monkeypatch.setattr(run, "SHARE", 0.05)
    answer = call(models=[model, *others], manifest={}, max_seconds=40, workers=1)

    assert [found["status"] for found in answer["findings"]] == ["unknown"] * 4
