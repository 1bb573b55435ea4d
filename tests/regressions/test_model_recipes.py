# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Recipes of the maintenance guides for models and SQLite files that never complain, and ours.

Each test first shows the recipe failing, so that the reason for doing otherwise stays visible.
"""

from __future__ import annotations

import sqlite3
import subprocess
import typing as t
from contextlib import closing
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.model_verification import run as verify
from ansible.module_utils.upkeep.model_verification.settings import parse as parse_models
from ansible.module_utils.upkeep.sqlite import run as maintenance
from ansible.module_utils.upkeep.sqlite.settings import parse


def shell(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=20
    )


def judged(model: dict[str, t.Any], **more: t.Any) -> dict[str, Finding]:
    answer = verify.run(parse_models({"models": [model], **more}))

    return {found["check"]: found for found in answer["findings"]}


def record_of(model: dict[str, t.Any]) -> dict[str, t.Any]:
    values = {"models": [model], "state": "recorded", "approved_by": "A. Reviewer"}
    made = verify.run(parse_models(values))

    return dict(made["record"])


@pytest.mark.requirement("R-racing-29", "R-racing-30")
def test_a_digest_that_is_compared_with_nothing_is_always_fine(tmp_path: Path) -> None:
    path = tmp_path / "lightgbm_baseline.pkl"
    model = {"name": "baseline", "path": str(path)}
    codes = []
    for content in (b"the approved model", b"cos\nsystem\n(S'echo taken'\ntR."):
        path.write_bytes(content)
        codes.append(shell(f"md5sum {path}").returncode)

    assert codes == [0, 0], (
        "the recipe prints a digest for the good and for the planted file, and is content with both"
    )

    assert judged(model)["model:baseline"]["status"] == "unknown", (
        "nothing to compare with is nobody's ok"
    )

    path.write_bytes(b"the approved model")
    manifest = record_of(model)

    assert judged(model, manifest=manifest)["model:baseline"]["status"] == "ok"

    path.write_bytes(b"cos\nsystem\n(S'echo taken'\ntR.")

    assert judged(model, manifest=manifest)["model:baseline"]["status"] == "critical"


def test_a_list_of_digests_beside_the_model_moves_with_the_intruder(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"approved")
    shell(f"cd {tmp_path} && sha256sum model.pkl > SHA256SUMS")
    manifest = record_of({"name": "m", "path": str(path)})
    shell(f"cd {tmp_path} && echo planted > model.pkl && sha256sum model.pkl > SHA256SUMS")

    assert shell(f"cd {tmp_path} && sha256sum --check SHA256SUMS").returncode == 0, (
        "whoever writes there writes both"
    )

    found = judged({"name": "m", "path": str(path)}, manifest=manifest)

    assert found["model:m"]["status"] == "critical"


@pytest.mark.requirement("R-racing-16")
def test_the_last_lines_with_a_name_do_not_say_what_is_in_use(tmp_path: Path) -> None:
    path, log = tmp_path / "model.py", tmp_path / "dashboard.log"
    path.write_text("")
    log.write_text("Using SimplePredictor\nSimplePredictor failed to load\nUsing LegacyPredictor\n")
    recipe = shell(f"grep SimplePredictor {log} | tail -5")

    assert "Using SimplePredictor" in recipe.stdout, (
        "the recipe finds the line that it hopes for, however old it is"
    )

    in_use = {"log": str(log), "pattern": "Using .*Predictor", "expected": "Using SimplePredictor"}
    found = judged({"name": "m", "path": str(path), "in_use": in_use})["model:m.in_use"]

    assert (found["status"], found["observed"]) == ("critical", "Using LegacyPredictor")


@pytest.mark.requirement("R-student_success-34", "R-student_success-76")
def test_a_metadata_file_without_figures_prints_like_a_good_one(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"")
    meta = tmp_path / "meta.json"
    meta.write_text("{}")
    recipe = shell(
        f"""python3 -c 'import json; d = json.load(open("{meta}"))
print(d.get("binary_accuracy", "N/A"))'"""
    )

    assert (recipe.returncode, recipe.stdout) == (0, "N/A\n"), (
        "the recipe is content with a figure that is not there"
    )

    model = {
        "name": "m",
        "path": str(tmp_path / "m.pkl"),
        "metadata": {"path": "meta.json", "keys": {"accuracy": "binary_accuracy"}},
        "limits": {"accuracy": 0.9},
    }
    found = judged(model)

    assert (found["model:m.metadata"]["status"], found["model:m.limits"]["status"]) == (
        "info",
        "unknown",
    )


RECIPE: t.Final = (
    "import sqlite3; c = sqlite3.connect('{path}', timeout=0);"
    " c.execute('VACUUM'); c.execute('ANALYZE'); c.close()"
)


@pytest.mark.requirement("R-student_success-71")
def test_a_vacuum_without_a_look_rewrites_a_file_that_needs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mvp.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
        connection.executemany("INSERT INTO t (a) VALUES (?)", ((i,) for i in range(1000)))

    recipe = f'python3 -c "{RECIPE.format(path=path)}"'

    assert shell(recipe).returncode == 0

    written = path.stat().st_mtime_ns

    assert shell(recipe).returncode == 0
    assert path.stat().st_mtime_ns != written, "the recipe writes the whole file again each time"

    written = path.stat().st_mtime_ns
    answer = maintained(path)

    assert (answer["actions"], path.stat().st_mtime_ns) == ([], written)


@pytest.mark.requirement("R-student_success-71")
def test_a_vacuum_of_a_file_that_is_not_there_makes_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "mvp.db"

    assert shell(f'python3 -c "{RECIPE.format(path=path)}"').returncode == 0, (
        "the recipe is content with a lost file"
    )
    assert path.exists(), "and leaves an empty one in its place"

    path.unlink()
    settings = parse({"databases": [{"name": "mvp", "path": str(path)}], "busy_timeout": 100})
    answer = maintenance.run(settings, check_mode=False)

    assert [found["status"] for found in answer["findings"]] == ["critical"]
    assert not path.exists()


def maintained(path: Path) -> dict[str, t.Any]:
    raw = {
        "name": "mvp",
        "path": str(path),
        "analyze": {"changed_percent": 20},
        "vacuum": {"free_percent": 20, "min_free_mb": 0},
    }

    settings = parse({"databases": [raw], "busy_timeout": 100})

    return maintenance.run(settings, check_mode=False)
