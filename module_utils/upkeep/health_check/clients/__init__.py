# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clients: how to speak to HTTP and Redis, and how to read what Prometheus and the kernel say.

They know no checks.
"""
