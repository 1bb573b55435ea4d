# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service that takes connections and answers none, until it is started for the second time."""

import http.server
import pathlib
import signal

MARK = pathlib.Path("/run/hung-once")


class Handler(http.server.BaseHTTPRequestHandler):
    """Says yes."""

    def do_GET(self) -> None:
        """Answer 200."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


server = http.server.HTTPServer(("127.0.0.1", 4711), Handler)
if MARK.exists():
    server.serve_forever()
MARK.touch()
signal.pause()
