"""A soak test: clients at work while the server and what it stands on are disturbed. ``python -m tests.soak --help``."""
