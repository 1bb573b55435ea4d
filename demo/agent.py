# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs on a host, as root, by its own Python: plants faults or takes them back.

JSON comes in and goes out.

Request ``{"undo": bool, "defects": {name: [step, ...]}}``, answer ``{"done": [name, ...], "error":
text}``; with ``undo`` what is planted is taken back, the last one first. Request ``{}``, answer
``{"planted": [name, ...]}``. What is planted is remembered in one file, in its order.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

MEMORY: t.Final = Path("/var/lib/demo/planted.json")
SECONDS: t.Final = 120  # for one step

Step = dict[str, t.Any]


def planted() -> list[str]:
    """Return the names of the faults that are planted, the oldest first."""
    names: list[str] = json.loads(MEMORY.read_text(encoding="utf-8")) if MEMORY.exists() else []
    return names


def remember(names: list[str]) -> None:
    """Write down what is planted, whole or not at all."""
    MEMORY.parent.mkdir(parents=True, exist_ok=True)
    draft = MEMORY.with_suffix(".draft")
    draft.write_text(json.dumps(names), encoding="utf-8")
    draft.replace(MEMORY)


def carry_out(step: Step) -> None:
    """Do one step; raises CalledProcessError, TimeoutExpired or OSError."""
    ((kind, what),) = step.items()
    actions: dict[str, t.Callable[[t.Any], None]] = {"run": _run, "sql": _sql, "file": _file}
    actions[kind](what)


def _run(argv: list[str], text: str = "") -> None:
    subprocess.run(  # noqa: S603 - argv list from demo/defects
        argv,
        input=text,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=True,
    )


def _sql(what: dict[str, str]) -> None:
    argv = [
        "runuser",
        "-u",
        "postgres",
        "--",
        "psql",
        "-qX",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        what["database"],
    ]
    _run(argv, what["text"] + ";\n")


def _file(what: dict[str, str]) -> None:
    path = Path(what["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(what["text"], encoding="utf-8")
    path.chmod(int(what.get("mode", "0644"), 8))
    shutil.chown(path, what.get("owner", "root"), what.get("group", "root"))


def plant(name: str, steps: list[Step]) -> None:
    """Plant one fault; it counts as planted as soon as anything was done."""
    for number, step in enumerate(steps):
        carry_out(step)
        if number == 0:
            remember([*planted(), name])


def take_back(name: str, steps: list[Step]) -> None:
    """Take one fault back."""
    for step in steps:
        carry_out(step)
    remember([known for known in planted() if known != name])


def answer(request: dict[str, t.Any]) -> dict[str, t.Any]:
    """Do what is asked, fault by fault, up to the first that fails."""
    if "defects" not in request:
        return {"planted": planted()}

    defects: dict[str, list[Step]] = request["defects"]
    known, done = planted(), list[str]()
    if request["undo"]:
        work, names = take_back, [name for name in reversed(known) if name in defects]
    else:
        work, names = plant, [name for name in defects if name not in known]

    for name in names:
        try:
            work(name, defects[name])
        except subprocess.CalledProcessError as error:
            words = (
                " / ".join((error.stdout or "").strip().splitlines()[-3:])
                or f"exit code {error.returncode}"
            )
            return {"done": done, "error": f"{name}: {' '.join(error.cmd[:4])}: {words}"}
        except (OSError, subprocess.TimeoutExpired) as error:
            return {"done": done, "error": f"{name}: {error}"}
        done.append(name)

    return {"done": done, "error": ""}


def main() -> None:
    """Answer one request."""
    os.umask(0o022)
    print(json.dumps(answer(json.load(sys.stdin))))


if __name__ == "__main__":
    main()
