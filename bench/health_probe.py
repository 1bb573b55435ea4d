# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health checks: fifty HTTP probes in one call against fifty tasks, and against curl.

The services of this bench take 0.3 s to answer, as a health endpoint does that asks its database,
cache and workers.

Against tasks whole playbooks are measured. Against curl it is whole processes: the module as
Ansible sends it to a host (the packed file with its arguments, kept from a play and started once
more), and curl. The bar allows the module 1.5 times curl's time beside what the start of any module
takes. That start is measured in the same run, by a module that is packed, given the same arguments
and started in the same way, and exits at once; reading, compiling and planning of all that is
health_probe's own counts as ours. The last line tells what each further probe costs when the
service answers at once. The best of each side counts: noise of the machine only ever makes a side
slower.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

PROJECT: t.Final = Path(__file__).resolve().parent.parent
COUNT: t.Final = 50
ROUNDS: t.Final = 3
#: A single process is quick, so that more rounds are cheap.
MODULE_ROUNDS: t.Final = 15
ANSWER_SECONDS: t.Final = 0.3
CALLS_BAR: t.Final = 12
CURL_BAR: t.Final = 1.5

SERVER: t.Final = """
import asyncio, sys

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    await asyncio.sleep(float(sys.argv[1]))
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
#: The least that a module does.
NOTHING: t.Final = """
from ansible.module_utils.basic import AnsibleModule
checks = {"type": "list", "elements": "dict", "no_log": True}
AnsibleModule(argument_spec={"checks": checks, "workers": {"type": "int"}}).exit_json(changed=False)
"""
PLAY: t.Final = {"hosts": "localhost", "connection": "local", "gather_facts": False}


@contextmanager
def service(seconds: float) -> Iterator[list[str]]:
    """Give the addresses of a service that takes so long for each answer."""
    command = [sys.executable, "-c", SERVER, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            port = int(process.stdout.readline()) if process.stdout else 0
            yield [f"http://127.0.0.1:{port}/{number}" for number in range(COUNT)]
        finally:
            process.kill()


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the shortest time that some work took, s."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)

    return min(times)


def play(folder: Path, name: str, task: dict[str, t.Any], **settings: str) -> None:
    """Run a playbook of one task; raises CalledProcessError with its output when it fails."""
    path = folder / f"{name}.yml"
    path.write_text(
        json.dumps([{"name": name, **PLAY, "tasks": [task]}]), encoding="utf-8"
    )  # JSON is YAML
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "--inventory",
        "localhost,",
        str(path),
    ]
    (folder / "none").mkdir(exist_ok=True)
    # Without our callback: it would write a record of each run, on both sides.
    env = {**os.environ, "ANSIBLE_CALLBACK_PLUGINS": str(folder / "none"), **settings}
    done = subprocess.run(  # noqa: S603
        command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-2000:], file=sys.stderr)
        done.check_returncode()


def checks_of(urls: list[str]) -> list[dict[str, t.Any]]:
    """Return a check for each address."""
    return [{"name": f"n{number}", "kind": "http", "url": url} for number, url in enumerate(urls)]


def calls(urls: list[str]) -> bool:
    """Measure one call against a task for each address, whole processes.

    Return whether the bar is kept.
    """
    ours = {"name": "Probe", "health_probe": {"checks": checks_of(urls), "workers": COUNT}}
    theirs = {"name": "Ask", "ansible.builtin.uri": {"url": "{{ item }}"}, "loop": urls}
    with tempfile.TemporaryDirectory(prefix="bench-health-") as name:
        one = best(lambda: play(Path(name), "ours", ours))
        fifty = best(lambda: play(Path(name), "theirs", theirs), rounds=1)

    ratio = fifty / one
    print(
        f"bench health_probe_calls ours={one:.2f} other={fifty:.2f} unit=s ratio={ratio:.1f} "
        f"bar={CALLS_BAR}"
    )

    return ratio >= CALLS_BAR


def packed(folder: Path, module: str, urls: list[str]) -> list[str]:
    """Return the command that starts a module on these addresses as Ansible starts it on a host."""
    place = folder / f"{module}-{len(urls)}"
    (folder / "nothing.py").write_text(NOTHING, encoding="utf-8")
    settings = {
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_REMOTE_TEMP": str(place),
        "ANSIBLE_LIBRARY": f"{folder}:{PROJECT / 'library'}",
    }
    play(
        folder,
        module,
        {"name": "Keep", module: {"checks": checks_of(urls), "workers": COUNT}},
        **settings,
    )
    (kept,) = place.glob(f"*/AnsiballZ_{module}.py")

    return [sys.executable, str(kept)]


def module(command: list[str]) -> Callable[[], None]:
    """Return what starts a packed module and raises RuntimeError when not all is well."""

    def run() -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        findings = json.loads(done.stdout).get("findings", [])
        if any(found["status"] != "ok" for found in findings):
            raise RuntimeError(done.stdout[:2000])

    return run


def curl(urls: list[str]) -> Callable[[], object]:
    """Return what lets curl ask all addresses at once."""
    listed = [word for url in urls for word in ("--output", "/dev/null", url)]
    command = [
        "curl",
        "--silent",
        "--no-progress-meter",
        "--parallel",
        "--parallel-immediate",
        "--parallel-max",
        "50",
    ]

    return partial(subprocess.run, [*command, *listed], check=True, capture_output=True)


def in_turns(*works: Callable[[], object]) -> list[float]:
    """Return the shortest time of each work, s.

    They take turns, so that noise of the machine meets them all.
    """
    shortest = [float("inf")] * len(works)
    for _ in range(MODULE_ROUNDS):
        shortest = [
            min(known, best(work, rounds=1)) for known, work in zip(shortest, works, strict=True)
        ]

    return shortest


def at_once(urls: list[str]) -> bool:
    """Measure our probes against curl; return whether the bar is kept."""
    with tempfile.TemporaryDirectory(prefix="bench-health-") as name:
        empty, full = (
            module(packed(Path(name), which, urls)) for which in ("nothing", "health_probe")
        )
        start, whole, other = in_turns(empty, full, curl(urls))

    ours = whole - start
    ratio = ours / other
    print(f"the start of a module takes {start:.2f} s, which is not in the next figure")
    print(
        f"bench health_probe_curl ours={ours:.2f} other={other:.2f} unit=s ratio={ratio:.2f} "
        f"bar=<={CURL_BAR}"
    )

    return ratio <= CURL_BAR


def further(urls: list[str]) -> None:
    """Say what one more probe costs either side."""
    with tempfile.TemporaryDirectory(prefix="bench-health-") as name:
        one, many = (module(packed(Path(name), "health_probe", part)) for part in (urls[:1], urls))
        times = in_turns(one, many, curl(urls[:1]), curl(urls))

    ours, other = (1000 * (times[i + 1] - times[i]) / (len(urls) - 1) for i in (0, 2))
    print(
        f"each further probe costs {ours:.1f} ms when the service answers at once, "
        f"curl {other:.1f} ms"
    )


def main() -> int:
    """Measure; returns 1 when a bar is missed."""
    with service(ANSWER_SECONDS) as urls:
        kept = [calls(urls), at_once(urls)]

    with service(0) as urls:
        further(urls)

    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
