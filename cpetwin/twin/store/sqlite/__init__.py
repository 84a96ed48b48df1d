"""The embedded default store: SQLite files with write-ahead log, one device wholly in one file.

``SqliteStore`` is the Store; ``folder_stats`` and ``folder_check`` work on a data folder without a server.
"""

from .folder import folder_check, folder_stats
from .store import SqliteStore

__all__ = ["SqliteStore", "folder_check", "folder_stats"]
