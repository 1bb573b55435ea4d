# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Backups of the shipped profiles: made, refused, expired and verified by their own entries.

Files and SQLite databases are real ones at another place. What a server, the journal or a program
of the application would have written is replaced.
"""

from __future__ import annotations

import sqlite3
import typing as t
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import making
from ansible.module_utils.upkeep.backup import manifest as manifests
from ansible.module_utils.upkeep.backup import run as runs
from ansible.module_utils.upkeep.backup import verify as verifying
from ansible.module_utils.upkeep.backup.artefacts import KINDS
from ansible.module_utils.upkeep.backup.artefacts.kind import ArtefactError, MadeArtefact
from ansible.module_utils.upkeep.backup.catalogue import BackupCatalogue
from ansible.module_utils.upkeep.backup.manifest import Artefact, BackupManifest, SetFile
from ansible.module_utils.upkeep.backup.record import SetRecord
from ansible.module_utils.upkeep.backup.settings import parse, parse_verify
from ansible.module_utils.upkeep.findings import Finding, complete, finding

from tests import evidence
from tests.unit.profiles.limits import Entry, numbers, profile
from tests.unit.profiles.role_inputs import role_input
from tools import PROJECT, profiles
from upkeep.judge.gate import HOLDING_CHECKS, decide

Patch = pytest.MonkeyPatch
SYSTEMS: t.Final = tuple(
    name for name in profiles.systems(PROJECT) if "system_backup_artefacts" in profile(name)
)
ARTEFACTS: t.Final = [
    pytest.param(system, entry, id=f"{system}-{entry['name']}")
    for system in SYSTEMS
    for entry in profile(system)["system_backup_artefacts"]
]
NOW: t.Final = datetime(2026, 6, 30, 2, 0, tzinfo=UTC)
#: A public key whose private key nobody has kept.
RECIPIENT: t.Final = "age17nazuvedn759pq8phkr4y0ssxa9qku260ernegc4c0w7ytte8qpsq4cafd"
#: What the guides say of expiry: days that a copy is kept.
DAYS: t.Final = {"racing": 7, "trailblaze": 30}


class DumpStandIn:
    """What pg_dump, journalctl or a program of the application would have done."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem

    def make(self, _source: t.Any, folder: t.Any, _place: t.Any) -> MadeArtefact:
        """Write a dump, or fail as the server would have it."""
        if self.problem:
            raise ArtefactError(self.problem)
        with folder.create("database.dump.zst") as stream:
            stream.write(b"dumped")

        return MadeArtefact({}, ())

    def verify(self, *_: t.Any) -> list[str]:
        """Find nothing: the hash is held against the manifest before."""
        return []


class Host:
    """A host with what the artefacts of a profile lead to, and the catalogue of its sets."""

    def __init__(self, patch: Patch, folder: Path, system: str) -> None:
        self.patch = patch
        self.folder = folder
        self.system = system
        self.root = folder / "sets"
        self.now = NOW
        self.artefacts = [self._here(entry) for entry in profile(system)["system_backup_artefacts"]]
        self.dump("")

    def dump(self, problem: str) -> None:
        """Let dumps succeed, or fail for a reason."""
        stand_in = DumpStandIn(problem)
        replaced = ("postgresql", "journal", "command", "redis")
        kinds = {**KINDS, **dict.fromkeys(replaced, stand_in)}
        for module in (making, verifying):
            self.patch.setattr(module, "KINDS", kinds)

    def backup(self, reason: str = "schedule") -> dict[str, Finding]:
        """Return the findings of the run that makes and expires sets, by their checks."""
        values = {
            **self._common(),
            "artefacts": self.artefacts,
            "retention": profile(self.system)["system_backup_retention"],
            "requirements": profile(self.system)["system_backup"].get("requirements", []),
            "reason": reason,
            "recipient": RECIPIENT,
            "free_percent": 0,
        }
        found = runs.run(parse(values), False, lambda: self.now)["findings"]

        return {one["check"]: one for one in found}

    def verify(self) -> list[Finding]:
        """Return the findings of the run that verifies the sets."""
        asked = profile(self.system)["system_backup"]["verification"]
        ids = asked.get("requirements", [])
        settings = parse_verify({**self._common(), "requirements": ids, "reread_days": 0})

        return t.cast(list[Finding], runs.verify(settings, False, lambda: self.now)["findings"])

    def sets(self) -> list[datetime]:
        """Return when the sets of the catalogue were made, the oldest first."""
        with BackupCatalogue(str(self.root)) as catalogue:
            return [one.created for one in catalogue.sets()]

    def has_sets_of(self, *moments: datetime) -> None:
        """Put verified sets of the schedule of these moments into the catalogue."""
        artefacts = tuple(
            Artefact(one["name"], "files", (SetFile(f"{one['name']}/any", 0, "0" * 64),), {})
            for one in self.artefacts
            if "schedule" in one.get("reasons", ["schedule"])
        )
        with BackupCatalogue(str(self.root), make=True) as catalogue:
            for moment in moments:
                manifest = BackupManifest(
                    name=manifests.set_name(moment),
                    system=self.system,
                    host="here",
                    reason="schedule",
                    created=moment,
                    finished=moment,
                    source={},
                    artefacts=artefacts,
                )
                with catalogue.begin(manifest.name) as folder:
                    catalogue.publish(folder, manifest, SetRecord("", {}, (), moment))

    def paths(self, entry: Entry) -> list[Path]:
        """Return the files that an artefact leads to on this host."""
        here = next(one for one in self.artefacts if one["name"] == entry["name"])
        source = here.get("sqlite") or here.get("files") or {}

        return [Path(path) for path in source.get("paths", [source.get("path")]) if path]

    def _common(self) -> Entry:
        return {"system": self.system, "root": str(self.root)}

    def _here(self, entry: Entry) -> Entry:
        """Return the entry with its paths below the test's folder, where they are made."""
        entry = {key: value for key, value in entry.items() if key != "component"}
        if "sqlite" in entry:
            path = self._path(entry["sqlite"]["path"])
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("CREATE TABLE uploads (id INTEGER PRIMARY KEY)")
                connection.commit()
            return {**entry, "sqlite": {"path": str(path)}}
        if "files" in entry:
            paths = [self._path(path) for path in entry["files"]["paths"]]
            for path in paths:
                path.write_text(f"content of {path.name}\n")
            return {**entry, "files": {**entry["files"], "paths": [str(path) for path in paths]}}

        return entry

    def _path(self, path: str) -> Path:
        here = self.folder / "host" / path.lstrip("/")
        here.parent.mkdir(parents=True, exist_ok=True)

        return here


def days(number: float) -> timedelta:
    """Return so many days."""
    return timedelta(days=number)


@pytest.mark.requirement("R-hyperopt-34", "R-hyperopt-45", "R-racing-69", "R-student_success-33")
@pytest.mark.requirement("R-student_success-72", "R-student_success-73")
@pytest.mark.parametrize("reason", ["schedule", "demand"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_set_is_whole_and_dated(
    monkeypatch: Patch, tmp_path: Path, system: str, reason: str
) -> None:
    host = Host(monkeypatch, tmp_path, system)
    found = host.backup(reason)

    assert {one["status"] for one in found.values()} == {"ok"}, found
    assert (host.root / "20260630T020000Z" / "manifest.json").exists()
    evidence.add(system, found.values(), "made" if reason == "schedule" else "made on demand")


def test_the_statements_of_a_dump_are_made_on_demand_only(
    monkeypatch: Patch, tmp_path: Path
) -> None:
    host = Host(monkeypatch, tmp_path, "student_success")

    assert "backup:sql" not in host.backup()

    host.now += days(1)

    assert host.backup("demand")["backup:sql"]["status"] == "ok"


@pytest.mark.requirement("R-racing-70", "R-racing-71", "R-student_success-74", "R-hyperopt-35")
@pytest.mark.requirement("R-trailblaze-56", "R-trailblaze-61", "R-fairedge-110", "R-hyperopt-45")
@pytest.mark.requirement("R-hyperopt-36", "R-hyperopt-38", "R-hyperopt-39", "R-hyperopt-40")
@pytest.mark.requirement("R-hyperopt-37", "R-hyperopt-41", "R-hyperopt-42")
@pytest.mark.requirement("R-fairedge-113", "R-fairedge-114", "R-fairedge-115", "R-fairedge-116")
@pytest.mark.requirement("R-student_success-72", "R-student_success-73")
@pytest.mark.parametrize(("system", "entry"), ARTEFACTS)
def test_an_artefact_that_cannot_be_made_is_critical_and_leaves_no_set(
    monkeypatch: Patch, tmp_path: Path, system: str, entry: Entry
) -> None:
    host = Host(monkeypatch, tmp_path, system)
    host.dump("the server is not there")
    for path in host.paths(entry):
        path.unlink()
    found = host.backup(entry.get("reasons", ["schedule"])[0])

    assert found["backup:set"]["status"] == "critical"
    assert found[f"backup:{entry['name']}"]["status"] == "critical", found
    assert host.sets() == []
    evidence.add(system, [found["backup:set"], found[f"backup:{entry['name']}"]], "cannot be made")


@pytest.mark.requirement("R-hyperopt-37", "R-fairedge-115", "R-student_success-33")
@pytest.mark.parametrize("system", ["hyperopt", "fairedge", "student_success"])
def test_environment_files_are_in_a_set_in_encrypted_form_only(
    monkeypatch: Patch, tmp_path: Path, system: str
) -> None:
    secret = [
        entry
        for entry in profile(system)["system_backup_artefacts"]
        if any(".env" in path for path in entry.get("files", {}).get("paths", []))
    ]
    host = Host(monkeypatch, tmp_path, system)
    host.backup()

    assert [entry.get("encrypt") for entry in secret] == [True]
    [made] = host.root.glob(f"2026*/{secret[0]['name']}")
    assert [path.name for path in made.iterdir()] == ["files.tar.zst.age"]


@pytest.mark.requirement("R-trailblaze-59", "R-trailblaze-60")
@pytest.mark.parametrize("reason", ["change", "demand"])
def test_a_set_before_a_change_holds_the_database_however_new_the_last_one_is(
    monkeypatch: Patch, tmp_path: Path, reason: str
) -> None:
    host = Host(monkeypatch, tmp_path, "trailblaze")
    host.backup()
    host.now += timedelta(minutes=1)
    found = host.backup(reason)

    assert len(host.sets()) == 2
    assert found["backup:database"]["status"] == "ok"
    evidence.add("trailblaze", [found["backup:database"]], reason)


def test_each_file_of_the_guide_is_there_or_nothing_is_kept(
    monkeypatch: Patch, tmp_path: Path
) -> None:
    host = Host(monkeypatch, tmp_path, "racing")
    [code] = [one for one in profile("racing")["system_backup_artefacts"] if one["name"] == "code"]
    host.paths(code)[0].unlink()
    found = host.backup()

    assert len(host.paths(code)) == code["files"]["least_files"] == 2
    assert found["backup:code"]["status"] == "critical"


@pytest.mark.requirement("R-racing-72", "R-trailblaze-62")
@pytest.mark.parametrize(("system", "kept"), DAYS.items())
def test_a_set_goes_when_it_is_older_than_the_guide_has_it(
    monkeypatch: Patch, tmp_path: Path, system: str, kept: int
) -> None:
    host = Host(monkeypatch, tmp_path, system)
    host.has_sets_of(*(NOW - days(ago) for ago in range(kept + 3, 0, -1)))
    found = host.backup()["backup:retention"]

    assert host.sets()[0] == NOW - days(kept)
    assert found["observed"] == 3
    evidence.add(system, [found], f"days {kept}")


@pytest.mark.parametrize("system", SYSTEMS)
def test_so_many_sets_stay_however_old_they_are(
    monkeypatch: Patch, tmp_path: Path, system: str
) -> None:
    policy = profile(system)["system_backup_retention"]
    host = Host(monkeypatch, tmp_path, system)
    made = [NOW - days(800 + ago) for ago in range(20, 0, -1)]
    host.has_sets_of(*made)
    host.backup()

    monthly = 1 if policy.get("monthly") else 0
    assert policy["last"] == 3
    assert host.sets()[-3:] == [*made[-2:], NOW]
    assert len(host.sets()) >= 3 + monthly or not monthly


@pytest.mark.parametrize(
    "system", [one for one in SYSTEMS if "weekly" in profile(one)["system_backup_retention"]]
)
def test_days_weeks_and_months_are_kept(monkeypatch: Patch, tmp_path: Path, system: str) -> None:
    policy = profile(system)["system_backup_retention"]
    host = Host(monkeypatch, tmp_path, system)
    host.has_sets_of(*(NOW - days(ago) for ago in range(450, 0, -1)))
    host.backup()
    sets = host.sets()

    assert [policy[key] for key in ("days", "weekly", "monthly")] == [7, 4, 12]
    assert sum(NOW - one <= days(7) for one in sets) == 8
    assert len({one.isocalendar()[:2] for one in sets if NOW - one <= days(28)}) == 4
    assert len({(one.year, one.month) for one in sets}) == 12


@pytest.mark.requirement("R-racing-91", "R-trailblaze-09", "R-fairedge-112")
@pytest.mark.requirement("R-hyperopt-43", "R-hyperopt-99")
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_set_is_verified_to_its_last_byte(
    monkeypatch: Patch, tmp_path: Path, system: str
) -> None:
    host = Host(monkeypatch, tmp_path, system)
    host.backup()
    host.now += timedelta(hours=1)
    well = host.verify()
    [path, *_] = [one for one in sorted(host.root.glob("2026*/*/*")) if one.is_file()]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    ill = [one for one in host.verify() if one["check"].startswith("backup_set:")]

    assert {one["status"] for one in well} == {"ok"}, well
    assert [one["status"] for one in ill] == ["critical"], ill
    evidence.add(system, [one for one in well if one["check"] == "backup:age"], "verified")
    evidence.add(system, [{**ill[0], "check": "backup_set"}], "damaged")


def gate(system: str, found: list[Finding]) -> list[str]:
    """Return why nothing may be changed on a host of a system that holds its lock."""
    seen = [finding("lock:system", "ok", "held"), *found]
    whole = [complete(one, system=system, host="here", area="any") for one in seen]

    return decide(
        hosts=["here"],
        live={"here"},
        findings={"here": whole},
        holding_checks=HOLDING_CHECKS,
        required_checks=role_input("gate_required_checks", system, [system, "app"]),
    ).reasons


@pytest.mark.parametrize("system", SYSTEMS)
def test_nothing_is_changed_without_a_verified_set_as_young_as_promised(
    monkeypatch: Patch, tmp_path: Path, system: str
) -> None:
    host = Host(monkeypatch, tmp_path, system)
    promised = role_input("backup_promised_hours", system, [system, "app"])

    def look() -> list[Finding]:
        values = {**host._common(), "artefacts": host.artefacts, "state": "observed"}
        settings = parse({**values, "promised_hours": promised, "due_hours": promised})
        return t.cast(list[Finding], runs.run(settings, False, lambda: host.now)["findings"])

    without = gate(system, look())
    host.has_sets_of(NOW)
    host.now = NOW + timedelta(hours=promised)
    young = gate(system, look())
    host.now += timedelta(minutes=1)
    old = gate(system, look())

    assert without == ["here has backup:age (critical)"]
    assert young == []
    assert old == ["here has backup:age (critical)"]
    assert gate(system, []) == ["no host reported a check 'backup:age'"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_age_and_size_are_followed_over_time(system: str) -> None:
    followed = {
        (one.get("area"), one["check"]): one.get("target")
        for one in role_input("verdict_kpis", system, [system, "app"])
    }
    promised = role_input("backup_promised_hours", system, [system, "app"])

    assert followed[("backup", "backup:age")] == {"at_most": promised}
    assert ("backup", "backup:size") in followed


def test_every_number_of_backups_is_reached_here() -> None:
    paths: set[str] = set()
    for system in SYSTEMS:
        shipped = profile(system)
        for entry in (
            *shipped["system_backup_artefacts"],
            shipped["system_backup"],
            shipped["system_backup_retention"],
        ):
            paths |= {path for path, _ in numbers(entry)}

    days_back = next(
        one["journal"]["days"]
        for one in profile("hyperopt")["system_backup_artefacts"]
        if "journal" in one
    )

    assert days_back == 30
    assert paths == {"files/least_files", "journal/days", "last", "days", "weekly", "monthly"}
