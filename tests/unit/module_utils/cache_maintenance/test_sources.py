# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sites that answer, that are in trouble, and that are not there."""

from __future__ import annotations

import http.server
import threading
import typing as t
from collections.abc import Iterator

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.cache_maintenance.settings import Source
from ansible.module_utils.upkeep.cache_maintenance.sources import silent


class Site(http.server.BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, *_: t.Any) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    """Give the address of a site."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "answers"), [(200, True), (404, True), (429, True), (503, False)]
)
def test_a_site_in_trouble_counts_as_silent(site: str, status: int, answers: bool) -> None:
    found = silent([Source("a", f"{site}/{status}", ())], Deadline(20))

    assert (found == {}) is answers


def test_one_that_is_not_there_is_named_and_the_other_is_not(site: str) -> None:
    sources = [Source("up", f"{site}/200", ()), Source("down", "http://127.0.0.1:1/", ())]
    found = silent(sources, Deadline(20))

    assert list(found) == ["down"]
    assert "does not answer" in found["down"]
