# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release with a fault: in the end the old one serves or the new one is wholly confirmed.

And the next deployment goes through, whatever the one before left.
"""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import os
import sys
import tarfile
import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.base.folders import Folder
from ansible.module_utils.upkeep.base.systemd import SystemdError
from ansible.module_utils.upkeep.predictor_deploy import building
from ansible.module_utils.upkeep.predictor_deploy.run import run
from ansible.module_utils.upkeep.predictor_deploy.settings import Settings, parse

from tests.faults.conftest import FULL, sample
from tests.faults.shipping import FAULTS, PROJECT, RELEASE, STOPPED, Calls, calls, names_of
from tests.unit.module_utils.switching.conftest import UNIT, Service, service

__all__ = ["calls", "service"]

STRATEGIES: t.Final = ("restart", "blue_green")
TIMER: t.Final = "shop-api-undo.timer"
UNDO: t.Final = "shop-api-undo.service"
_MOMENTS: t.Final = ("trying", "armed", "pointed", "switched", "confirmed")
MOMENTS: t.Final = [
    *(("restart", moment) for moment in _MOMENTS),
    *(("blue_green", moment) for moment in (*_MOMENTS, "taking_over")),
]
#: More than any deployment makes; a deployment with fewer changes has none of these numbers.
MOST_CHANGES: t.Final = 60

Files = Mapping[str, str]


@dataclass
class Deployer:
    """Deploys releases of the service as the role does: built, then live."""

    service: Service
    strategy: str

    @property
    def environment(self) -> Path:
        """The environment file; a release comes with one of its own beside it, named ``.new``."""
        return self.service.folder / "app.env"

    def settings(self, release: str, files: Files, **server: t.Any) -> Settings:
        """Return the settings that build a release of some files."""
        path = self.service.folder / f"{release}.tar"
        with tarfile.open(path, "w") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
        window = {"seconds": 0.3, "interval": 0.1, "needed": 2, "log": str(self.service.log)}
        app = {
            "root": self.service.releases.root,
            "user": getpass.getuser(),
            "command": ["{release}/venv/bin/python", "-m", "shop"],
            "found": [str(self.service.folder / "before")],
            "environment_file": str(self.environment),
            # It has what makes virtual environments with pip.
            "python": os.path.realpath(sys.executable),
            "server": {
                "unit": UNIT,
                "listen": [f"127.0.0.1:{self.service.port}"],
                "strategy": self.strategy,
                "start_seconds": 5,
                "drain_seconds": 2,
                "probes": [
                    {"name": "health", "path": "/health", "timeout": 2},
                    {"name": "golden", "path": "/v", "same_as_before": ["value"], "timeout": 2},
                ],
                "confirmation": {**window, **server},
            },
        }

        return parse(
            {
                "app": app,
                "state": "built",
                "release": release,
                "bundle": str(path),
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "commit": "c" * 40,
                "retry": True,
                "state_file": str(self.service.folder / "state.json"),
            }
        )

    def deploy(self, settings: Settings, hook: Callable[[str], None] | None = None) -> t.Any:
        """Build a release and let it serve; return the module's last answer."""
        new = self.environment.with_name("app.env.new")
        if self.environment.read_text() != self.text(settings.release):
            new.write_text(self.text(settings.release))
        answer = run(settings, check_mode=False)
        if not answer["done"]:
            return answer

        return run(replace(settings, state="live"), check_mode=False, hook=hook)

    def good(self, release: str) -> Settings:
        """Return the settings of a release without fault."""
        return self.settings(release, {"code/app.json": json.dumps({"version": release})})

    @staticmethod
    def text(release: str) -> str:
        """Return the environment file that a release comes with."""
        return f"RELEASE={release}\n"

    def served(self) -> str:
        """Return the release that visitors get, which is what the link and its seal say."""
        version = str(self.service.answer()["version"])

        assert self.service.releases.current() == version
        assert self.service.releases.is_confirmed(version)
        assert self.environment.read_text() == self.text(version)

        return version

    def converges(self, release: str) -> None:
        """See that the next deployment goes through and leaves nothing."""
        answer = self.deploy(self.good(release))
        assert answer["done"], answer["findings"]
        assert self.served() == release

        again = self.deploy(self.good(release))
        assert again["done"], again["findings"]
        assert not again["changed"]
        assert not self.environment.with_name("app.env.new").exists()
        assert self.service.releases.switching() is None
        assert self.service.releases.unfinished() == []
        assert self.service.systemd.armed == set()
        assert not self.service.systemd._runs("shop-api-next.service")
        units = {path.name for path in self.service.systemd.units.iterdir()}
        assert not {TIMER, UNDO} & units


@pytest.fixture(params=STRATEGIES)
def deployer(
    service: Service, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Deployer:
    """Return what deploys, after release 1 serves."""
    monkeypatch.setattr(building, "SPARE", 0)
    made = Deployer(service, request.param)
    made.environment.write_text("")
    assert made.deploy(made.good("1"))["done"]
    assert made.served() == "1"

    return made


@dataclass(frozen=True)
class Fault:
    """One fault: how the release behaves, what it holds, what is planted beside, what is said."""

    reason: str
    told: Mapping[str, t.Any] = field(default_factory=dict)
    files: Files = field(default_factory=dict)
    window: Mapping[str, t.Any] = field(default_factory=dict)
    plant: Callable[[Deployer, Settings, pytest.MonkeyPatch], Settings] | None = None
    #: Whether the release before serves all the time, untouched.
    untouched: bool = True


def _other_hash(_: Deployer, settings: Settings, __: pytest.MonkeyPatch) -> Settings:
    return replace(settings, sha256="0" * 64)


def _cut(_: Deployer, settings: Settings, __: pytest.MonkeyPatch) -> Settings:
    path = Path(settings.bundle)
    path.write_bytes(path.read_bytes()[:700])

    return settings


def _damaged(_: Deployer, settings: Settings, __: pytest.MonkeyPatch) -> Settings:
    path = Path(settings.bundle)
    path.write_bytes(path.read_bytes()[:515])

    return replace(settings, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _small_disk(_: Deployer, settings: Settings, patch: pytest.MonkeyPatch) -> Settings:
    patch.setattr(building, "SPARE", 1 << 62)

    return settings


def _full_disk(_: Deployer, settings: Settings, patch: pytest.MonkeyPatch) -> Settings:
    def full(*_: t.Any) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    patch.setattr(Folder, "create", full)

    return settings


def _folder_for_link(deployer: Deployer, settings: Settings, patch: pytest.MonkeyPatch) -> Settings:
    real = Folder.link

    def link(self: Folder, name: str, target: str) -> None:
        if name == "current" and target.endswith(f"/{settings.release}"):
            raise IsADirectoryError(21, "Is a directory")
        real(self, name, target)

    patch.setattr(Folder, "link", link)

    return settings


def _refuse_start(deployer: Deployer, settings: Settings, _: pytest.MonkeyPatch) -> Settings:
    deployer.service.systemd.refused.add("shop-api-next.service")

    return settings


def _refuse_restart(_: Deployer, settings: Settings, patch: pytest.MonkeyPatch) -> Settings:
    """Refuse the first restart only: the way back needs one, too."""
    real, refused = systemd.restart, []

    def restart(unit: str, deadline: t.Any) -> None:
        if not refused:
            refused.append(unit)
            raise SystemdError(f"systemctl cannot restart {unit}: refused")
        real(unit, deadline)

    patch.setattr(systemd, "restart", restart)

    return settings


_LOCK: t.Final = f"nothing==1.0 --hash=sha256:{'0' * 64}\n"
PLANTED: t.Final[dict[str, Fault]] = {
    "a wheel is not there": Fault(
        "the packages cannot be installed", files={"code/requirements.lock": _LOCK}
    ),
    "the archive has another hash": Fault("another checksum", plant=_other_hash),
    "the archive is cut short": Fault("another checksum", plant=_cut),
    "the archive is damaged": Fault("the archive is damaged", plant=_damaged),
    "the archive leads out of the release": Fault("leads out", files={"../x": "x"}),
    "the archive has no code": Fault("no folder 'code'", files={"code/app.json": "", "x": "y"}),
    "the code cannot be compiled": Fault("cannot be compiled", files={"code/a.py": "def\n"}),
    "the disk is too small": Fault("MB free", plant=_small_disk),
    "the disk is full while it is unpacked": Fault("No space left", plant=_full_disk),
    "a folder is in the place of the link": Fault(
        "Is a directory", plant=_folder_for_link, untouched=False
    ),
    "systemd refuses to start it": Fault("refused", plant=_refuse_start),
    "it cannot be imported": Fault("shop-api-next.service is failed", {"crash": True}),
    "it starts too slowly": Fault("did not answer as it must", {"start": 60}),
    "it answers errors": Fault("it answers 500, not 200", {"status": 500}),
    "it predicts otherwise": Fault("not 1.5 as before", {"value": 1.6}),
    "it ends after its start": Fault(
        "is failed", {"crash_after": 1.5}, window={"seconds": 6}, untouched=False
    ),
    "it writes errors into its log": Fault(
        "errors in the log", {"log": "ERROR no model"}, untouched=False
    ),
    "it is slower than before": Fault(
        "ms before (at most", {"delay": 0.4}, window={"latency_floor_ms": 100}, untouched=False
    ),
    "systemd refuses the restart": Fault("refused", plant=_refuse_restart, untouched=False),
}
MOMENTS_KILLED: t.Final = "the run is killed at a moment"
CHANGES_KILLED: t.Final = "the run is killed at any change"
CHANGES_FAIL: t.Final = "any change fails"


def test_every_fault_is_played() -> None:
    played = {*PLANTED, MOMENTS_KILLED, CHANGES_KILLED, CHANGES_FAIL}

    assert played == names_of(RELEASE)
    assert len(FAULTS) >= 30


@pytest.mark.parametrize("where", [where for where in FAULTS.values() if "::" in where])
def test_a_fault_that_is_played_elsewhere_has_its_test_there(where: str) -> None:
    path, _, test = where.partition("::")

    assert f"def {test}(" in (PROJECT / path).read_text()


@pytest.mark.parametrize("name", sample(list(PLANTED), 4))
def test_a_fault_leaves_the_release_before(
    deployer: Deployer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fault, service = PLANTED[name], deployer.service
    files = {"code/app.json": json.dumps({"version": "2", **fault.told}), **fault.files}
    if name == "the archive has no code":
        files = {"other/app.json": "{}"}
    settings = deployer.settings("2", files, **fault.window)
    before = service.systemd.processes[UNIT].pid

    with monkeypatch.context() as patch:
        settings = fault.plant(deployer, settings, patch) if fault.plant else settings
        answer = deployer.deploy(settings)

    assert not answer["done"], answer
    assert fault.reason in answer["findings"][-1]["message"]
    assert answer["findings"][-1]["status"] == "critical"
    assert "step in" not in answer["findings"][-1]["message"]
    assert deployer.served() == "1"
    assert not fault.untouched or service.systemd.processes[UNIT].pid == before

    service.systemd.refused.clear()
    deployer.converges("2")


def goes_back_by_itself(deployer: Deployer) -> None:
    """Let the host's own timer do what it does when its time has come."""
    systemd = deployer.service.systemd
    if TIMER in systemd.armed and (systemd.units / UNDO).exists():
        systemd.start(UNDO)


def after_a_kill(deployer: Deployer, release: str, *, host_goes_back: bool) -> None:
    """See what becomes of a host on which a run ended somewhere."""
    if host_goes_back:
        goes_back_by_itself(deployer)
        assert deployer.served() in ("1", release)

    deployer.converges(release)


@pytest.mark.parametrize("host_goes_back", [True, False] if FULL else [True])
@pytest.mark.parametrize(("deployer", "moment"), sample(MOMENTS, 4), indirect=["deployer"])
def test_a_run_that_is_killed_at_a_moment_converges(
    deployer: Deployer, calls: Calls, moment: str, host_goes_back: bool
) -> None:
    def hook(now: str) -> None:
        if now == moment:
            calls.stop_here()

    stopped = calls.run(lambda: deployer.deploy(deployer.good("2"), hook))

    assert stopped is STOPPED
    after_a_kill(deployer, "2", host_goes_back=host_goes_back)


@pytest.mark.parametrize("number", sample(range(1, MOST_CHANGES + 1), 3))
def test_a_run_that_is_killed_at_any_change_converges(
    deployer: Deployer, calls: Calls, number: int
) -> None:
    calls.run(lambda: deployer.deploy(deployer.good("2")), number)

    after_a_kill(deployer, "2", host_goes_back=bool(number % 2))


@pytest.mark.parametrize("number", sample(range(1, MOST_CHANGES + 1), 3))
def test_a_change_that_fails_leaves_one_that_is_confirmed(
    deployer: Deployer, calls: Calls, number: int
) -> None:
    answer = calls.run(lambda: deployer.deploy(deployer.good("2")), number, fails=True)

    statuses = {finding["status"] for finding in answer["findings"]}
    if calls.count >= number:
        assert answer["done"] or "critical" in statuses, answer
    goes_back_by_itself(deployer)
    assert deployer.served() in ("1", "2")
    deployer.converges("2")
