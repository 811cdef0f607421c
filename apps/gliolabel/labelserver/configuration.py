"""What ``--conf`` may say. MONAI Label hands all values over as texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time as clock
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, ValidationError, field_validator

from gliolabel.dicom.cache import DEFAULT_GIB
from gliolabel.errors import InputError
from gliolabel.labelserver.door.origins import named_origins
from gliolabel.labelserver.queueing import DEFAULT_QUEUE
from gliolabel.preprocessing.clinical import Preprocess
from gliolabel.preprocessing.extraction import ExtractorName
from gliolabel.registration import Mode
from gliolabel.state.leases import LEASE_MINUTES


class Configuration(BaseModel):
    """The values of ``--conf NAME VALUE``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: The state folder.
    state: str | None = None
    #: Another database for the state, as an SQLAlchemy URI.
    database: str | None = None
    #: How labels in the study folder are numbered.
    labels: str | None = None
    #: Whether labels found beside cases count as accepted.
    labels_in_folder: Literal["import", "ignore"] = "import"
    #: The site's own rules for DICOM series.
    dicom_rules: Path | None = None
    #: GiB of volumes made from DICOM series that are kept in the state folder; 0: nothing for longer than it is used.
    dicom_cache: float = Field(default=DEFAULT_GIB, ge=0)
    #: Which studies of a PACS are asked for, ``Keyword=value&Keyword=value``.
    dicom_search: str = ""
    #: Whether results of DICOM studies are sent to where these come from: never unless somebody asks, or at each submission.
    send_results: Literal["off", "submit"] = "off"
    # Pydantic keeps the name `register` for itself.
    registration: Mode = Field(
        default="auto",
        alias="register",
        description="When sequences are registered to the reference: where the overlap of the brains says so, always, never.",
    )
    #: What is done to raw clinical data.
    preprocess: Preprocess = "off"
    #: The program that extracts brains for ``preprocess clinical``.
    brain_extraction: ExtractorName = "auto"
    #: ... which also corrects the bias field.
    n4: bool = False
    #: ``cpu``, ``cuda``, ``cuda:1``; by default the best there is.
    device: str | None = None
    #: Folder of weights files to serve instead of those that come with the package.
    weights: Path | None = None
    #: Another MLflow for the model versions, as a URI.
    mlflow: str | None = None
    #: GiB that the server may hold in all, on a GPU of its memory; by default a share of what is free at the start.
    memory: float | None = Field(default=None, gt=0)
    #: Requests that may wait for the device before a new one is told to come back later.
    queue: int = Field(default=DEFAULT_QUEUE, ge=1, le=1000)
    #: Minutes for which a case that was offered is kept for its reader.
    lease_minutes: float = Field(default=LEASE_MINUTES, gt=0)
    #: Retrain the default model by itself after so many newly accepted labels.
    retrain_after: int | None = Field(default=None, ge=1)
    #: ... at this time of the server's day, if at least one label was newly accepted.
    retrain_at: clock | None = None
    #: File with the gate's criteria instead of the package's own.
    gate: Path | None = None
    #: What the log is for: people, or machines (one JSON object a line).
    log: Literal["text", "json"] = "text"
    #: Reverse proxies whose X-Forwarded-For is believed: addresses or networks, with commas or blanks between them.
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    #: MiB that one upload may have, as it is sent and as it is unpacked.
    upload_limit: float = Field(default=1024, gt=0, le=1 << 20)
    #: Other sites whose pages may ask this server, ``https://viewer.example,https://other.example``.
    cors_origins: tuple[str, ...] = ()
    #: Do not start without a login.
    require_login: bool = False

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        return named_origins(value) if isinstance(value, str) else value

    @field_validator("retrain_at", mode="before")
    @classmethod
    def _hour_and_minute(cls, value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError("expected hour and minute, such as 02:00")
        return value


#: Names that are MONAI Label's or its sample apps' own, which people carry over from other start lines.
_OTHERS = frozenset(
    {"server_mode", "sam2", "models", "preload", "use_pretrained_model", "skip_scoring", "skip_strategies", "epistemic_enabled"}
)


_Kind = TypeVar("_Kind", bound=Configuration)


@overload
def read_configuration(conf: Mapping[str, Any]) -> tuple[Configuration, list[str]]: ...
@overload
def read_configuration(conf: Mapping[str, Any], kind: type[_Kind]) -> tuple[_Kind, list[str]]: ...
def read_configuration(conf: Mapping[str, Any], kind: type[Configuration] = Configuration) -> tuple[Configuration, list[str]]:
    """The configuration, and warnings about what was passed over.

    Args:
        conf: what ``--conf`` said.
        kind: an app's own configuration.

    Raises:
        InputError: an unknown name, or a value that cannot be used.
    """
    passed_over = [name for name in conf if name in _OTHERS]
    given = {name: value for name, value in conf.items() if name not in _OTHERS}
    names = [field.alias or name for name, field in kind.model_fields.items()]
    unknown = sorted(set(given) - set(names))
    if unknown:
        near = get_close_matches(unknown[0], names, n=1)
        hint = f" Did you mean {near[0]}?" if near else f" Known are {', '.join(names)}."
        raise InputError(f"--conf {unknown[0]} is not known.{hint}")
    try:
        configuration = kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"--conf {first['loc'][0]} {given.get(str(first['loc'][0]))!r} cannot be used: {first['msg']}.") from error
    return configuration, [f"--conf {name} means nothing to this app and is passed over" for name in passed_over if name != "server_mode"]
