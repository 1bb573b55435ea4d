# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a SQLite file, the first argument, that has mostly free pages and was never analysed."""

import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY, note TEXT)")
connection.execute("CREATE INDEX visits_note ON visits (note)")
connection.execute("BEGIN")
connection.executemany(
    "INSERT INTO visits (note) VALUES (?)", ((f"{i:0300d}",) for i in range(20_000))
)
connection.execute("DELETE FROM visits WHERE id > 2000")
connection.execute("COMMIT")
connection.close()
