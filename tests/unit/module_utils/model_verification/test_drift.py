# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does an approved model still predict its reference set, and is nothing else ever loaded?"""

from __future__ import annotations

import os
import pickle
import pwd
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.model_verification import drift
from ansible.module_utils.upkeep.model_verification.drift import DriftError, r_squared
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.library.module_calls import Answer, Call, by_check

ROWS: t.Final = 30
PREDICTOR: t.Final = """
import csv, io, pickle

class Predictor:
    def __init__(self, model):
        print("libraries may print")
        self.slope = pickle.loads(model.read_bytes())

    def read(self, text):
        return [float(row["x"]) for row in csv.DictReader(io.StringIO(text))]

    def predict(self, rows):
        return [self.slope * x for x in rows]
"""
#: Somebody who is not root, so that root's tests show that privileges are given up.
USER: t.Final = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
#: Root's own Python may lie where nobody else may look.
PYTHON: t.Final = "/usr/bin/python3" if os.geteuid() == 0 else sys.executable


@pytest.fixture
def root() -> t.Iterator[Path]:
    """Give a folder that all may read: a model, y = 2x, its predictor, a fitting reference set."""
    with tempfile.TemporaryDirectory(prefix="upkeep-drift-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        write_reference(folder, 2)
        (folder / "predictor.py").write_text(PREDICTOR)
        (folder / "m.pkl").write_bytes(pickle.dumps(2.0))
        yield folder


def write_reference(root: Path, slope: float) -> None:
    lines = ["x,y", *(f"{x},{slope * x}" for x in range(ROWS))]
    (root / "reference.csv").write_text("\n".join(lines) + "\n")


def entry(root: Path, **more: t.Any) -> dict[str, t.Any]:
    asked = {
        "reference": "reference.csv",
        "target": "y",
        "predictor": "predictor.py",
        "class_name": "Predictor",
        "user": USER,
        "r2": 0.94,
        "interpreter": PYTHON,
        "timeout": 30,
        "requirements": ["R-racing-67"],
        **more,
    }
    return {"name": "m", "path": "m.pkl", "root": str(root), "drift": asked}


def approved(call: Call, model: dict[str, t.Any]) -> Answer:
    """Record what lies there now, then verify."""
    manifest = call(models=[model], state="recorded", approved_by="A. Reviewer")["record"]
    return call(models=[model], manifest=manifest)


def drifted(call: Call, model: dict[str, t.Any]) -> dict[str, t.Any]:
    return by_check(approved(call, model))["model:m.drift"]


@pytest.mark.requirement("R-racing-67", "R-racing-94")
def test_a_model_that_still_fits_is_fine(call: Call, root: Path) -> None:
    found = drifted(call, entry(root))

    assert found["status"] == "ok", found
    assert found["observed"] == 1.0
    assert found["expected"] == "at least 0.94"
    assert found["unit"] == "R2"
    assert found["limits"] == {"warning": 0.94, "critical": None, "side": "below"}
    assert found["requirements"] == ["R-racing-67"]


@pytest.mark.requirement("R-racing-67", "R-racing-94")
def test_data_that_moved_away_are_drift_and_ask_for_training(call: Call, root: Path) -> None:
    write_reference(root, 3)
    found = drifted(call, entry(root))

    assert found["status"] == "warning"
    assert "training it again" in found["message"]
    assert found["observed"] < 0.94


@pytest.mark.parametrize("content", [pickle.dumps(3.0), None])
def test_only_the_approved_file_is_loaded(call: Call, root: Path, content: bytes | None) -> None:
    model = entry(root)
    manifest = call(models=[model], state="recorded", approved_by="A. Reviewer")["record"]
    (root / "predictor.py").write_text(f"open({str(root / 'loaded')!r}, 'w')\n{PREDICTOR}")
    root.chmod(0o777)
    if content is None:
        manifest = {}
    else:
        (root / "m.pkl").write_bytes(content)

    found = by_check(call(models=[model], manifest=manifest))["model:m.drift"]

    assert (found["status"], (root / "loaded").exists()) == ("unknown", False)
    assert "only the approved file" in found["message"]


def test_recording_loads_nothing(call: Call, root: Path) -> None:
    answer = call(models=[entry(root)], state="recorded", approved_by="A. Reviewer")
    assert list(by_check(answer)) == ["model:m"]


@pytest.mark.parametrize(
    ("program", "status", "word"),
    [
        ("raise ValueError('no such feature')", "critical", "no such feature"),
        ("import no_such_library", "critical", "no_such_library"),
        ("class Other: pass", "critical", "Predictor"),
        ("import os; os._exit(3)", "unknown", "exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "unknown", "signal 11"),
        ("x = bytearray(8 << 30)", "critical", "MemoryError"),
        (PREDICTOR.replace("self.slope * x", "float('nan')"), "critical", "not a number"),
        (
            PREDICTOR.replace("for x in rows", "for x in rows[1:]"),
            "critical",
            f"{ROWS - 1} predictions",
        ),
        (
            PREDICTOR.replace("self.slope * x for x in rows", "10 ** 300 for _ in range(10 ** 5)"),
            "critical",
            "100000",
        ),
        (
            "import sys; sys.stdout.write('x' * 10 ** 6); raise ValueError('loud')",
            "critical",
            "loud",
        ),
    ],
)
def test_a_model_that_cannot_predict_differs_from_a_check_that_failed(
    call: Call, root: Path, program: str, status: str, word: str
) -> None:
    (root / "predictor.py").write_text(program)
    found = drifted(call, entry(root))

    assert found["status"] == status, found
    assert word in found["message"]


def test_a_prediction_that_hangs_is_stopped_with_all_that_it_started(
    call: Call, root: Path
) -> None:
    seconds = f"4711.{os.getpid()}"  # which nobody else's process has in its command line
    child = f"import subprocess, signal\nsubprocess.Popen(['sleep', '{seconds}'])\nsignal.pause()"
    (root / "predictor.py").write_text(child)

    found = drifted(call, entry(root, timeout=1))

    assert found["status"] == "unknown"
    assert "within 1 s" in found["message"]

    commands = [
        path.read_bytes()
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if os.access(path, os.R_OK)
    ]

    assert f"sleep\0{seconds}\0".encode() not in commands


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_model_is_loaded_as_its_user_and_never_as_root(call: Call, root: Path) -> None:
    check = "if os.geteuid() == 0 or 0 in os.getgroups(): raise SystemExit('root')"
    program = f"import os\n{check}\n{PREDICTOR}"
    (root / "predictor.py").write_text(program)
    assert drifted(call, entry(root))["status"] == "ok"
    refused = drifted(call, entry(root, user="root"))
    assert (refused["status"], "service user" in refused["message"]) == ("unknown", True)


def test_who_cannot_become_the_user_does_not_load(
    call: Call, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift.os, "geteuid", lambda: 12345)
    found = drifted(call, entry(root))
    assert (found["status"], "become root" in found["message"]) == ("unknown", True)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"reference": "none.csv"}, "No reference set"),
        ({"reference": "../other.csv"}, "missing"),
        ({"reference": "/etc/passwd"}, "not below"),
        ({"predictor": "/etc/passwd"}, "not below"),
        ({"predictor": "none.py"}, "missing"),
        ({"target": "z"}, "'z'"),
        ({"user": "no-such-user"}, "no-such-user"),
        ({"interpreter": "/no/python"}, "/no/python"),
    ],
)
def test_what_is_missing_for_the_look_is_named(
    call: Call, root: Path, more: dict[str, t.Any], word: str
) -> None:
    found = drifted(call, entry(root, **more))
    assert found["status"] in ("unknown", "critical")
    assert word in found["message"], found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x,y\n",
        "x,y\n1,2\n",
        "x,y\n" + "1,soon\n" * 20,
        "x,y\n" + "1,nan\n" * 20,
        "x,y\n" + "1,2\n" * 20,
        "x,y\n" + "1\n" * 20,
        "\0" * 100,
        "x,y\n" + "1,2\n" * (drift.LARGEST // 4),
    ],
)
def test_a_reference_set_that_tells_nothing_is_unknown(call: Call, root: Path, text: str) -> None:
    (root / "reference.csv").write_text(text)
    assert drifted(call, entry(root))["status"] == "unknown"


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"r2": 94}, "drift.r2 is 94"),
        ({"timeout": 0}, "drift.timeout is 0"),
        ({"timeout": 10_000}, "drift.timeout"),
        ({"class_name": "A; import os"}, "the name of a class"),
        ({"target": ""}, "drift.target"),
        ({"user": "a\nb"}, "drift.user"),
        ({"interpreter": "python3"}, "begin with /"),
        ({"reference": "a\nb"}, "drift.reference"),
        ({"predictor": None}, "predictor"),
    ],
)
def test_bad_input_fails_and_is_named(
    call: Call, root: Path, more: dict[str, t.Any], word: str
) -> None:
    answer = call(models=[entry(root, **more)])
    assert answer["failed"]
    assert word in answer["msg"]


CONFINED: t.Final = """
import os, resource
status = open("/proc/self/status").read()
if "NoNewPrivs:\\t1" not in status: raise SystemExit("may gain rights")
if sorted(map(int, os.listdir("/proc/self/fd")))[5:]: raise SystemExit("has files open")
if "UPKEEP_SECRET" in os.environ: raise SystemExit("has our environment")
for kind, most in (("CORE", 0), ("NOFILE", 256), ("NPROC", 512), ("FSIZE", 16 << 20)):
    if resource.getrlimit(getattr(resource, f"RLIMIT_{kind}"))[1] > most: raise SystemExit(kind)
"""


def test_the_predictor_is_confined(call: Call, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No way to more rights, nothing of ours open, a clean environment, limits on what it uses."""
    monkeypatch.setenv("UPKEEP_SECRET", "hunter2")
    (root / "predictor.py").write_text(CONFINED + PREDICTOR)

    found = drifted(call, entry(root))

    assert found["status"] == "ok", found


def test_what_a_failing_predictor_prints_is_shown_without_secrets(call: Call, root: Path) -> None:
    failing = "raise ValueError('password=hunter2xyz \\x1b]0;owned\\x07')"
    (root / "predictor.py").write_text(failing)

    message = drifted(call, entry(root))["message"]

    assert "hunter2xyz" not in message
    assert message.isprintable()


NUMBERS = st.floats(min_value=-1e6, max_value=1e6)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=50)


def spread(values: list[float]) -> float:
    return max(values) - min(values)


@given(PAIRS)
def test_perfect_is_one_the_mean_is_zero_and_nothing_is_better(
    pairs: list[tuple[float, float]],
) -> None:
    known, predicted = [known for known, _ in pairs], [guess for _, guess in pairs]
    if spread(known) < 1e-3:
        return

    assert r_squared(known, known) == 1
    assert r_squared(known, [sum(known) / len(known)] * len(known)) == pytest.approx(0, abs=1e-6)
    assert r_squared(known, predicted) <= 1


def test_a_known_value() -> None:
    assert r_squared([3, -0.5, 2, 7], [2.5, 0.0, 2, 8]) == pytest.approx(0.9486081370449679)


@pytest.mark.parametrize(
    ("known", "predicted", "status"),
    [
        ([1, 2], [1], "critical"),
        ([1, 2], [1, float("inf")], "critical"),
        ([2, 2], [1, 2], "unknown"),
        ([1, 2], [1e200, 2], "critical"),
    ],
)
def test_where_it_is_not_defined(known: list[float], predicted: list[float], status: str) -> None:
    with pytest.raises(DriftError) as caught:
        r_squared(known, predicted)
    assert caught.value.status == status
