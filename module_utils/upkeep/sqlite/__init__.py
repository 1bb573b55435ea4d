# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SQLite maintenance: what a file itself says is due (engine), doing it as the owner of the file (maintenance)."""
