"""What differs between two versions of a model: how they were made, what they were trained on, what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gliolabel.recipes import ModelVersion
from gliolabel.registry.registry import Registry


def compare(registry: Registry, name: str, first: str, second: str) -> dict[str, Any]:
    """Compare two versions of a model.

    Args:
        registry: the registry.
        name: the model.
        first: one version.
        second: the other.

    Returns:
        ``recipe`` and ``metrics``: rows of ``key`` and the two values, of the recipe only where they differ. ``cases``: ids of the cases
        that only one was trained on (``only_first``, ``only_second``), those with another label version or weight (``changed``), and the
        number of the others (``same``). ``verdict``: the gate's, where one of them was judged against the other, else None.

    Raises:
        UnknownError: there is no such version.
        UnavailableError: MLflow cannot be used.
    """
    versions = [registry.version(name, version) for version in (first, second)]
    details = [registry.details(name, version) for version in (first, second)]
    recipes = [dict(_flat(version.recipe.model_dump(mode="json", exclude={"variants"}))) for version in versions]
    metrics = [content.get("metrics", {}) for content in details]
    cases = [training_cases(version, content.get("manifest", {})) for version, content in zip(versions, details, strict=True)]
    both = cases[0].keys() & cases[1].keys()
    changed = sorted(case_id for case_id in both if cases[0][case_id] != cases[1][case_id])
    return {
        "model": name,
        "first": first,
        "second": second,
        "recipe": _rows(*recipes, all_of_them=False),
        "cases": {
            "only_first": sorted(cases[0].keys() - both),
            "only_second": sorted(cases[1].keys() - both),
            "changed": [{"case_id": case_id, "first": cases[0][case_id], "second": cases[1][case_id]} for case_id in changed],
            "same": len(both) - len(changed),
        },
        "metrics": _rows(*metrics, all_of_them=True),
        "verdict": _verdict(registry, name, (first, second), details),
    }


def training_cases(version: ModelVersion, manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a version was trained on: label version and weight by case id; empty where only the weights file's own list is known."""
    seen: dict[str, dict[str, Any]] = {case_id: {} for case_id in version.metadata.get("trained_on", {})}
    for case in manifest.get("cases", ()):
        seen[str(case["case_id"])] = {key: case[key] for key in ("label_version", "weight") if key in case}
    return seen


def _verdict(registry: Registry, name: str, versions: tuple[str, str], details: list[dict[str, Any]]) -> dict[str, Any] | None:
    for judged, other, content in ((versions[1], versions[0], details[1]), (versions[0], versions[1], details[0])):
        entry = registry.entry(name, judged)
        if entry is not None and entry.judged_against == other and content.get("verdict"):
            return {"version": judged, "against": other, "page": content["verdict_page"], **content["verdict"]}
    return None


def _rows(first: Mapping[str, Any], second: Mapping[str, Any], *, all_of_them: bool) -> list[dict[str, Any]]:
    keys = [*first, *(key for key in second if key not in first)]
    return [
        {"key": key, "first": first.get(key), "second": second.get(key)} for key in keys if all_of_them or first.get(key) != second.get(key)
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
