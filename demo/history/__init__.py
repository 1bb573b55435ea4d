# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The time before the fleet existed: rows, logs, caches, queues and backups from a seed.

Whatever is made follows from the seed, the day and a name alone (seeded.py), so a seed gives the
same history on every start of a day, and today's part of it only grows. docs/demo-logs.md says what
lines look like and how often they come. Nothing here needs more than the standard library and what
is on the host: ``python3 -m history``, once, at first boot.
"""
