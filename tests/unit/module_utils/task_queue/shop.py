# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real application with a task queue: Celery of the distribution on a real Redis.

Its workers run under the host's own Python, and so does the module where it asks them, as on a
host: the environment of the tests has no Celery.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.module_utils.redis_tune.server import RedisServer, running

PYTHON: t.Final = "/usr/bin/python3"
PROJECT: t.Final = Path(__file__).resolve().parents[4]
PATIENCE: t.Final = 60.0
Answer = dict[str, t.Any]

APPLICATION: t.Final = """
import os, time
import celery

app = celery.Celery("shop", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.update(
    result_extended=os.environ.get("EXTENDED") == "1",
    result_expires=3600,
    task_time_limit=300,
    task_acks_late=os.environ.get("LATE") == "1",
    worker_prefetch_multiplier=1,
    broker_transport_options={"visibility_timeout": float(os.environ.get("VISIBLE", "3600"))},
    beat_schedule={"tick": {"task": "tick", "schedule": 1.0}},
)

def note(text):
    with open(os.environ["NOTES"], "a") as stream:
        stream.write(text + "\\n")

@app.task(name="tick", ignore_result=True)
def tick():
    pass

@app.task(name="note")
def write(text):
    note(text)

@app.task(name="slow")
def slow(text, seconds):
    note(f"begin {text}")
    time.sleep(seconds)
    note(f"end {text}")

@app.task(name="pay")
def pay(order, secret=None):
    if not os.path.exists(os.environ["NOTES"] + ".mended"):
        raise ValueError(f"order {order}")
    note(f"paid {order} {secret}")
"""
#: What stands for AnsiballZ: the module's own code under the host's Python.
DRIVER: t.Final = """
import json, sys, types
for name, path in (("ansible", []), ("ansible.module_utils", []),
                   ("ansible.module_utils.upkeep", [sys.argv[1]])):
    module = types.ModuleType(name)
    module.__path__ = path
    sys.modules[name] = module
from ansible.module_utils.upkeep.task_queue import change, run, settings
asked = json.load(sys.stdin)
try:
    if asked["changes"]:
        found = change.run(settings.parse_change(asked["values"]), asked["check_mode"])
    else:
        found = run.run(settings.parse(asked["values"]), asked["check_mode"])
except change.ChangeError as error:
    found = {"failed": True, "msg": str(error)}
json.dump(found, sys.stdout)
"""


@dataclass
class Shop:
    """The application; ``variables`` reach its processes."""

    redis: RedisServer
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    @property
    def module(self) -> str:
        """The name of the application, which no other on this machine has."""
        return f"shop_{self.redis.port}"

    @property
    def broker(self) -> str:
        """The address of the broker."""
        return f"redis://127.0.0.1:{self.redis.port}/0"

    @property
    def notes(self) -> list[str]:
        """What the tasks have written so far."""
        path = self.folder / "notes"

        return path.read_text().splitlines() if path.exists() else []

    def entry(self, **options: t.Any) -> Answer:
        """Return the entry of a profile that is this application."""
        queues = [{"name": "celery"}]

        return {
            "name": "shop",
            "broker": self.broker,
            "application": self.module,
            "queues": queues,
            **options,
        }

    def values(self, **options: t.Any) -> Answer:
        """Return what the module is given for a look."""
        return {
            "applications": [self.entry(**options)],
            "state_file": str(self.folder / "state.json"),
        }

    def look(self, **options: t.Any) -> dict[str, Answer]:
        """Return the findings of the module under the host's Python, by aspect."""
        found = self._called({"changes": False, "values": self.values(**options)})["findings"]

        return {item["check"].partition(".")[2]: item for item in found}

    def change(self, action: str, check_mode: bool = False, **options: t.Any) -> Answer:
        """Return the answer of the module that changes, under the host's Python."""
        retry = {"tasks": ["pay", "unheard"], "own_task": "tick"}
        values = {
            "applications": [self.entry(purge={}, retry=retry)],
            "action": action,
            "folder": str(self.folder / "copies"),
            "state_file": str(self.folder / "retried.json"),
            **options,
        }

        return self._called({"changes": True, "check_mode": check_mode, "values": values})

    def python(self, code: str) -> None:
        """Run code that has the application."""
        subprocess.run(
            [PYTHON, "-c", f"from {self.module} import *\n{code}"],
            check=True,
            cwd=self.folder,
            env=self._environment(),
            timeout=PATIENCE,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a worker or a beat."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [PYTHON, "-m", "celery", "-A", self.module, *arguments],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)

        return process

    def worker(self, concurrency: int = 1) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it takes tasks."""
        before = len(self.notes)
        process = self.start(
            "worker",
            f"--concurrency={concurrency}",
            "--without-gossip",
            "--without-mingle",
            f"--hostname=worker{len(self.processes)}@test",
        )
        self.python("write.delay('worker is up')")
        self.wait(lambda: len(self.notes) > before)

        return process

    def beat(self) -> subprocess.Popen[bytes]:
        """Start a beat."""
        return self.start("beat", "--pidfile=", f"--schedule={self.folder / 'schedule'}")

    def wait(self, condition: t.Callable[[], t.Any], seconds: float = PATIENCE) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.05)

    def stop(self) -> None:
        """End all that was started."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

        self.processes.clear()

    def _called(self, asked: Answer) -> Answer:
        done = subprocess.run(
            [PYTHON, "-c", DRIVER, str(PROJECT / "module_utils" / "upkeep")],
            input=json.dumps({"check_mode": False, **asked}),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr

        return t.cast(Answer, json.loads(done.stdout))

    def _environment(self) -> dict[str, str]:
        own = {"BROKER": self.broker, "NOTES": str(self.folder / "notes"), "EXTENDED": "1"}
        # Root is asked whether it means it, once for each start.
        return {**os.environ, "PYTHONPATH": str(self.folder), **own, **self.variables}


@contextlib.contextmanager
def opened(folder: Path, *lines: str, **variables: str) -> Iterator[Shop]:
    """Yield the application on a broker whose file holds ``lines``; all is gone afterwards."""
    with running(folder, 'save ""', *lines) as redis:
        shop = Shop(redis, folder, variables)
        (folder / f"{shop.module}.py").write_text(APPLICATION)
        try:
            yield shop
        finally:
            shop.stop()
