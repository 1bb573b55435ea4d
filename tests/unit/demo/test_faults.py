# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The catalogue of faults: valid entries, lookup by name, and steps that are undone."""

from __future__ import annotations

import shutil
import typing as t
from pathlib import Path

import pytest
import yaml

from demo import __main__ as cli
from demo import agent, faults, fleet
from demo.errors import DemoError
from tools import trace

HOSTS = fleet.load().hosts


@pytest.fixture(scope="module")
def catalogue() -> faults.Catalogue:
    return faults.load(HOSTS)


def test_the_shipped_catalogue_fits_and_can_all_be_taken_back(catalogue: faults.Catalogue) -> None:
    assert len(catalogue.known) >= 60
    assert all(defect.plant and defect.undo for defect in catalogue.known.values())
    assert len({defect.finding for defect in catalogue.known.values()}) == len(catalogue.known), (
        "one finding each"
    )


def test_what_is_to_come_belongs_to_jobs_that_are_to_come(catalogue: faults.Catalogue) -> None:
    """A job that is there has its faults among those that are tested.

    A pending one would be forgotten.
    """
    reporting = {defect.finding.area for defect in catalogue.defects.values()}
    assert not {defect.finding.area for defect in catalogue.pending.values()} & reporting


def test_every_area_of_the_guides_has_a_fault(catalogue: faults.Catalogue) -> None:
    """Also those whose jobs are to come.

    What only people do (kinds D and H) cannot be broken on a host.
    """
    asked = {
        row.area
        for row in trace.read_requirements(fleet.PROJECT / "docs" / "requirements.csv")
        if row.kind in "AC"
    }
    planted = {defect.finding.area for defect in catalogue.known.values()}

    # Their measuring is done by jobs of other names: model_verification; log_review and
    # db_maintenance; restore, which rehearses, and backup, which finds a set that is of no use;
    # predictor_deploy, which looks at what deployments left, at the way back and at the side that
    # connections are sent to; failover_test, once in a quarter; schedule.
    assert asked - planted == {
        "model_verify",
        "performance_report",
        "disaster_recovery",
        "app_deploy",
        "rollback",
        "failover_scaling",
        "scheduling",
    }
    shipping = {"code-changed-by-hand", "way-back-missing", "green-side-dead"}
    assert shipping <= set(catalogue.defects)
    assert "backup-not-restorable" in catalogue.defects
    assert {
        "log-slow-predictions",
        "statement-slow",
        "slower-than-baseline",
    } <= catalogue.defects.keys()
    assert "model_verification" in planted, "the name of that area's job"


def test_faults_are_planted_round_by_round_and_in_a_round_system_by_system(
    catalogue: faults.Catalogue,
) -> None:
    order = list(catalogue.rounds)
    places = [(order.index(defect.round), defect.system) for defect in catalogue.defects.values()]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hots": "fairedge-1"}, "hots"),
        ({"host": "nowhere"}, "host"),
        ({"host": "hyperopt-db"}, "does not have in 'fairedge'"),
        ({"round": "tomorrow"}, "tomorrow"),
        ({"undo": [{"shell": "rm"}]}, "shell"),
        ({"plant": [{"run": "reboot"}]}, "reboot"),
    ],
)
def test_an_entry_that_does_not_fit_is_named(
    tmp_path: Path, changes: dict[str, t.Any], named: str
) -> None:
    folder = shutil.copytree(faults.FOLDER, tmp_path / "defects")
    data = yaml.safe_load((folder / "fairedge.yml").read_text())
    data["defects"]["nginx-stopped"].update(changes)
    (folder / "fairedge.yml").write_text(yaml.safe_dump(data))

    with pytest.raises(DemoError, match=f"fairedge.yml: nginx-stopped.*{named}"):
        faults.load(HOSTS, folder)


def test_what_is_to_come_is_left_out_unless_it_is_named(catalogue: faults.Catalogue) -> None:
    chosen = {defect.name for defect in faults.choose(catalogue, ["all", *catalogue.rounds])}
    assert chosen == set(catalogue.defects)
    assert [defect.name for defect in faults.choose(catalogue, ["backup-missing"])] == [
        "backup-missing"
    ]


def test_a_name_means_one_thing(tmp_path: Path) -> None:
    folder = shutil.copytree(faults.FOLDER, tmp_path / "defects")
    entry = yaml.safe_load((folder / "fairedge.yml").read_text())["defects"]["nginx-stopped"]
    (folder / "trailblaze.yml").write_text(yaml.safe_dump({"pending": {"nginx-stopped": entry}}))

    with pytest.raises(DemoError, match="'nginx-stopped' names two things"):
        faults.load(HOSTS, folder)


def test_names_rounds_and_all_come_in_the_order_of_planting(catalogue: faults.Catalogue) -> None:
    names = [
        defect.name
        for defect in faults.choose(catalogue, ["postgresql-stopped", "dead-tuples", "dead-tuples"])
    ]

    assert names == ["dead-tuples", "postgresql-stopped"]
    assert {defect.round for defect in faults.choose(catalogue, ["wrong"])} == {"wrong"}
    assert len(faults.choose(catalogue, ["all"])) == len(catalogue.defects)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("ngix", "no defect 'ngix'; did you mean nginx-wrong-upstream or nginx-stopped?"),
        ("redis-stoped", "did you mean redis-stopped"),
        ("quux", "the names: python -m demo plant"),
        ("backup-mising", "did you mean backup-missing"),
    ],
)
def test_an_unknown_name_is_one_line_with_near_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, words: str
) -> None:
    monkeypatch.setattr("demo.engine.require", lambda: None)
    assert cli.main(["plant", word]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_none_stands_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("demo.engine.require", lambda: None)
    assert cli.main(["plant", "none", "nginx-stopped"]) == 2
    assert "stands alone" in capsys.readouterr().err


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for a host's file system."""
    monkeypatch.setattr(agent, "MEMORY", tmp_path / "lib" / "planted.json")
    monkeypatch.setattr("shutil.chown", lambda *_: None)
    return tmp_path


def ask(undo: bool, **named: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    return agent.answer({"undo": undo, "defects": named})


def test_planting_twice_does_it_once_and_taking_back_is_in_reverse(host: Path) -> None:
    log = host / "log"

    def write(word: str) -> list[dict[str, t.Any]]:
        return [{"run": ["/bin/sh", "-c", f"echo {word} >> {log}"]}]

    assert ask(False, a=write("a"), b=write("b")) == {"done": ["a", "b"], "error": ""}
    assert ask(False, a=write("a")) == {"done": [], "error": ""}
    assert agent.answer({}) == {"planted": ["a", "b"]}
    assert ask(True, a=write("-a"), b=write("-b"), c=write("-c"))["done"] == ["b", "a"]
    assert log.read_text().split() == ["a", "b", "-b", "-a"]
    assert agent.answer({}) == {"planted": []}


def test_a_step_that_fails_is_named_with_its_words(host: Path) -> None:
    file = {"file": {"path": str(host / "etc" / "x"), "text": "x\n", "mode": "0600"}}
    failing = {"run": ["/bin/sh", "-c", "echo no room; exit 3"]}

    assert ask(False, whole=[file], half=[file, failing], none=[failing]) == {
        "done": ["whole"],
        "error": "half: /bin/sh -c echo no room; exit 3: no room",
    }
    assert (host / "etc" / "x").stat().st_mode & 0o777 == 0o600
    assert agent.answer({}) == {"planted": ["whole", "half"]}, "what was begun can be taken back"
    assert ask(False, gone=[{"run": ["/no/such/program"]}])["error"].startswith("gone: ")
    assert "gone" not in agent.answer({})["planted"]
