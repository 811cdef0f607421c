"""``gliolabel models compare``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gliolabel.cli import console
from gliolabel.cli.models.options import Json, Model, up_to_date

#: So many case ids are printed; all are in ``--json``.
_SHOWN = 10


def compare_models(
    name: Model,
    first: Annotated[str, typer.Argument(help="One version.", metavar="A")],
    second: Annotated[str, typer.Argument(help="The other.", metavar="B")],
    as_json: Json = False,
) -> None:
    """Compare two versions of a model: recipe, training cases, metrics, and the gate's verdict where one was judged against the other.

    Example: gliolabel models compare unet3d starter-2 site-1
    """
    registry = up_to_date()
    from gliolabel.registry import compare

    found = compare(registry, name, first, second)
    if as_json:
        console.print_json(found)
        return
    cases = found["cases"]
    print(f"{name}: A is {first}, B is {second}\n")
    _table("Recipe: no difference" if not found["recipe"] else "Recipe", found["recipe"])
    print(f"Training cases: {cases['same']} the same, {len(cases['changed'])} with another label version or weight")
    print(f"  only A: {_ids(cases['only_first'])}\n  only B: {_ids(cases['only_second'])}")
    for case in cases["changed"][:_SHOWN]:
        print(f"  {case['case_id']}: {_words(case['first'])} -> {_words(case['second'])}")
    print()
    _table("Metrics: none" if not found["metrics"] else "Metrics", found["metrics"])
    verdict = found["verdict"]
    if verdict is None:
        print("Gate: neither was judged against the other")
    else:
        print(f"Gate, {verdict['version']} against {verdict['against']}: {verdict['decision']}. {verdict.get('sentence', '')}")
        print(f"  page: {verdict['page']}")


def _table(title: str, rows: list[dict[str, Any]]) -> None:
    print(title)
    if rows:
        from rich.table import Table

        table = Table("", "A", "B", box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 2))
        for row in rows:
            table.add_row(row["key"], _text(row["first"]), _text(row["second"]))
        console.out.print(table)
    print()


def _text(value: object) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _words(case: dict[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in case.items()) or "label not known"


def _ids(ids: list[str]) -> str:
    if not ids:
        return "none"
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f"{len(ids)} ({', '.join(ids[:_SHOWN])}{more})"
