"""The server's door: what every request and every answer passes, whatever route it takes.

Each guard names the defect of MONAI Label that it answers; docs/reference/promises.md has the list with the tests.
"""
