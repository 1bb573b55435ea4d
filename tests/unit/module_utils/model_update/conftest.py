# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service whose model is a file of its folder, on a systemd that stands in for the real one."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import socket
import sys
import tempfile
import time
import typing as t
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.model_update import settings
from ansible.module_utils.upkeep.model_update.run import no_hook, run
from ansible.module_utils.upkeep.model_update.versions import Versions
from ansible.module_utils.upkeep.switching import unit_files

from tests.unit.module_utils.switching.stand_in import StandIn

UNIT: t.Final = "shop-api.service"
ROWS: t.Final = 30
PREDICTOR: t.Final = """
import csv, io, json, warnings

class Predictor:
    def __init__(self, model):
        told = json.loads(model.read_text())
        if told.get("warn"):
            warnings.warn("Trying to unpickle estimator from version 1.0", UserWarning)
        self.slope = told["slope"]

    def read(self, text):
        return [float(row["x"]) for row in csv.DictReader(io.StringIO(text))]

    def predict(self, rows):
        return [self.slope * x for x in rows]
"""
#: Somebody who is not root, so that root's tests show that privileges are given up.
USER: t.Final = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
#: Root's own Python may lie where nobody else may look.
PYTHON: t.Final = "/usr/bin/python3" if os.geteuid() == 0 else sys.executable

Answer = dict[str, t.Any]


@dataclass
class Shop:
    """A service of one host; its model also says how the service behaves (``small_app``)."""

    folder: Path
    port: int
    systemd: StandIn
    #: A busy machine starts a process in seconds; less where one is never ready.
    start_seconds: float = 30
    #: A probe that takes less is never too slow.
    slow_seconds: float = 5

    @property
    def home(self) -> Path:
        """The root of the system."""
        return self.folder / "shop"

    @property
    def model(self) -> Path:
        return self.home / "app.json"

    def options(self, **more: t.Any) -> dict[str, t.Any]:
        """Return the entry of the model."""
        window = {
            "seconds": 0.4,
            "interval": 0.1,
            "needed": 2,
            "latency_floor_ms": 1000 * self.slow_seconds,
        }
        probe = {"name": "health", "path": "/health", "timeout": 10}
        return {
            "name": "slope",
            "root": str(self.home),
            "path": "app.json",
            "metadata": {"name": "figures.json", "keys": {"trained_at": "day"}},
            "user": USER,
            "evaluation": {
                "reference": "reference.csv",
                "target": "y",
                "predictor": "predictor.py",
                "class_name": "Predictor",
                "r2": 0.95,
                "interpreter": PYTHON,
            },
            "server": {
                "unit": UNIT,
                "listen": [f"127.0.0.1:{self.port}"],
                "start_seconds": self.start_seconds,
                "drain_seconds": 2,
                "probes": [probe],
                "confirmation": window,
            },
            "versions": str(self.folder / "lib" / "models"),
            "requirements": ["R-racing-47"],
            **more,
        }

    def make(self, version: str, slope: float = 2.0, **told: t.Any) -> dict[str, t.Any]:
        """Make a candidate that behaves as told; return the options that name it."""
        path = self.folder / "incoming" / "model"
        text = json.dumps({"version": version, "slope": slope, **told})
        path.write_text(text)
        metadata = path.with_name("metadata")
        metadata.write_text(json.dumps({"r2": 0.96, "day": "2026-11-01T00:00:00Z"}))

        return {
            "candidate": str(path),
            "candidate_metadata": str(metadata),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "approved_by": "A. Reviewer",
        }

    def call(
        self,
        state: str,
        given: t.Mapping[str, t.Any] | None = None,
        *,
        check: bool = False,
        hook: t.Callable[[str], None] = no_hook,
        **more: t.Any,
    ) -> Answer:
        """Return what the module answers; ``more`` are options of the model."""
        values = {"models": [self.options(**more)], "state": state, **(given or {})}

        return run(settings.parse(values), check, hook)

    def versions(self) -> Versions:
        return Versions(settings.parse({"models": [self.options()]}).model)

    def answer(self) -> str:
        """Return the version that a visitor is served."""
        end = time.monotonic() + 10
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as got:
                    return str(json.loads(got.read())["version"])
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def files(self) -> dict[str, str]:
        """Return what is in the system's folder."""
        return {path.name: path.read_text() for path in sorted(self.home.iterdir())}


def statuses(answer: Answer) -> dict[str, str]:
    """Return the status of each finding by its aspect."""
    return {each["check"].rpartition(".")[2]: each["status"] for each in answer["findings"]}


def message(answer: Answer, aspect: str = "update") -> str:
    """Return the message of a finding."""
    return next(
        str(each["message"]) for each in answer["findings"] if each["check"].endswith(f".{aspect}")
    )


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Return a service that serves its first model, ``old``."""
    folder = Path(tempfile.mkdtemp(prefix="upkeep-model-"))
    folder.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    units = folder / "etc"
    for name in ("etc", "run", "shop", "incoming", "lib"):
        (folder / name).mkdir(mode=0o755)
    monkeypatch.setattr(unit_files, "UNITS", str(units))
    home = folder / "shop"
    lines = ["x,y", *(f"{x},{2 * x}" for x in range(ROWS))]
    (home / "reference.csv").write_text("\n".join(lines) + "\n")
    (home / "predictor.py").write_text(PREDICTOR)
    (home / "app.json").write_text(json.dumps({"version": "old", "slope": 2.0}))
    (home / "figures.json").write_text(json.dumps({"r2": 0.95, "day": "2026-01-01T00:00:00Z"}))
    for path in home.iterdir():
        path.chmod(0o644)
    (units / UNIT).write_text(
        f"[Service]\nWorkingDirectory={home}\n"
        f"Environment=LISTEN={port}\nEnvironment=LOG={folder}/app.log\n"
    )
    systemd = StandIn(units, folder / "run")
    systemd.patch(monkeypatch)
    systemd.start(UNIT)

    yield Shop(folder, port, systemd)

    systemd.end()
    shutil.rmtree(folder)
