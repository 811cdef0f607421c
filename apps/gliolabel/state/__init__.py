"""What the server remembers: the state folder and the database in it.

The study folder belongs to its owner and is only read. Everything that arises (label versions, maps, uploads, sessions, scores) is kept
in the state folder: files in sub-folders, and one row per file in the database.
"""

from gliolabel.state.database import Database
from gliolabel.state.folder import StateFolder, find_state_folders, resolve_state_folder

__all__ = ["Database", "StateFolder", "find_state_folders", "resolve_state_folder"]
