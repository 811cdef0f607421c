"""The ``gliolabel`` command."""
