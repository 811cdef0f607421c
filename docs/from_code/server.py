"""The pages of options and routes, from what the apps say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fields import field_table, plain, row
from server_apps import apps

from gliolabel.labelserver.case_training import RetrainOptions
from gliolabel.labelserver.configuration import Configuration
from gliolabel.labelserver.routes.closed import CLOSED
from gliolabel.labelserver.slices.configuration import SliceConfiguration
from gliolabel.labelserver.slices.training import TrainOptions
from gliolabel.labelserver.wire import BatchOptions, PlacesOptions, SegmentationOptions, UncertaintyOptions

#: What each task's request may hold. A task that is not named here stops the build.
TASK_OPTIONS: Final = {
    ("brain_tumor", "infers", "unet3d"): SegmentationOptions,
    ("brain_tumor", "infers", "resunet2d"): SegmentationOptions,
    ("brain_tumor", "infers", "where_to_look"): PlacesOptions,
    ("brain_tumor", "infers", "uncertainty"): UncertaintyOptions,
    ("brain_tumor", "trainers", "unet3d"): RetrainOptions,
    ("brain_tumor", "trainers", "resunet2d"): RetrainOptions,
    ("lgg_flair", "infers", "lgg_flair"): SegmentationOptions,
    ("lgg_flair", "infers", "uncertainty"): UncertaintyOptions,
    ("lgg_flair", "trainers", "lgg_flair"): TrainOptions,
}
_TASK_TITLES: Final = {"infers": "Segment", "trainers": "Train", "strategies": "Next Sample", "scoring": "Scores"}


def conf_keys() -> str:
    """``--conf`` of the app brain_tumor."""
    return field_table(Configuration)


def conf_keys_of_slices() -> str:
    """What ``--conf`` takes beside that in the app lgg_flair."""
    table = field_table(SliceConfiguration).splitlines()
    return "\n".join([*table[:2], *(line for line in table[2:] if line.split("`")[1] not in Configuration.model_fields)])


def tasks(app: str) -> str:
    """Every task of an app with its options.

    Args:
        app: ``brain_tumor`` or ``lgg_flair``.
    """
    about = apps()[app]
    parts = []
    for kind in ("infers", "trainers"):
        for name, task in about[kind].items():
            shown = ", ".join(f"`{option}`" for option in task["config"]) or "none"
            table = field_table(TASK_OPTIONS[app, kind, name], head="Option")
            text = f"{task['description']}\n\nShown in Slicer: {shown}.\n\n{table}"
            parts.append(f"### {_TASK_TITLES[kind]}: {name} {{#{app}-{kind}-{name}}}\n\n{text}")
    for kind in ("strategies", "scoring"):
        lines = [row("Name", "Meaning"), row("---", "---"), *(row(f"`{name}`", one["description"]) for name, one in about[kind].items())]
        parts.append(f"### {_TASK_TITLES[kind]} {{#{app}-{kind}}}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def batch_options() -> str:
    """What ``POST /batch/infer/{model}`` takes."""
    return field_table(BatchOptions, head="Option")


def routes() -> str:
    """Every route that answers, by subject."""
    about = apps()["brain_tumor"]
    closed = {(method, path) for method, path, _, _ in CLOSED}
    by_subject: dict[str, list[str]] = {}
    for path, operations in about["openapi"]["paths"].items():
        for method, operation in operations.items():
            if (method.upper(), path) not in closed:
                role = about["roles"].get(f"{method.upper()} {path}", "–")
                cells = (f"`{method.upper()} {path}`", operation.get("summary", ""), _parameters(operation), role)
                by_subject.setdefault(operation["tags"][0], []).append(row(*cells))
    head = [row("Route", "What", "Parameters", "Role"), row(*["---"] * 4)]
    return "\n\n".join(f"### {subject}\n\n" + "\n".join([*head, *lines]) for subject, lines in by_subject.items())


def closed_routes() -> str:
    """What MONAI Label offers and this server does not."""
    lines = [row(f"`{method} {path}`", str(status), plain(sentence)) for method, path, status, sentence in CLOSED]
    return "\n".join([row("Route", "Status", "Answer"), row(*["---"] * 3), *lines])


def _parameters(operation: Mapping[str, Any]) -> str:
    # Every route takes a token in its address too, as MONAI Label's do.
    named = [one for one in operation.get("parameters", ()) if one["in"] == "query" and one["name"] != "token"]
    words = [f"`{one['name']}`" + (" (needed)" if one.get("required") else "") for one in named]
    bodies = {"multipart/form-data": "a form with files", "application/json": "JSON", "application/x-www-form-urlencoded": "a form"}
    words += [bodies[kind] for kind in operation.get("requestBody", {}).get("content", {})]
    return ", ".join(words) or "–"
