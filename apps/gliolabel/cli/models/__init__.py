"""``gliolabel models``: which model versions there are, what is known of them, and which is served."""

from __future__ import annotations

import typer

from gliolabel.cli.models.auditing import audit
from gliolabel.cli.models.changing import promote, rollback
from gliolabel.cli.models.comparing import compare_models
from gliolabel.cli.models.exporting import export
from gliolabel.cli.models.listing import list_models, show_model

app = typer.Typer(help="The model versions: list, show, compare, promote, roll back, export, and who did what.", no_args_is_help=True)

app.command("list")(list_models)
app.command("show")(show_model)
app.command("compare")(compare_models)
app.command("promote")(promote)
app.command("rollback")(rollback)
app.command("export")(export)
app.command("audit")(audit)
