"""What comes in over the wire, checked once at the door: ids, tags, parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gliolabel.errors import InputError
from gliolabel.studies.single import SEQUENCE_OPTIONS

#: Parameters by which MONAI Label lets a caller replace what the address says, or have files written. Refused, not ignored.
REPLACING: Final = frozenset(
    {"image", "image_path", "model", "session", "session_id", "save_label", "label_tag", "label", "file", "result_write_to_file"}
)
#: Parameters that people fill in as they like.
_FREE_TEXT: Final = frozenset({"client_id", "comment"})
_PATH_KEY: Final = re.compile(r"(?:\A|_)(?:path|dir|folder|filename)\Z")
_PATH: Final = re.compile(r"\s*(?:[/\\]|~[/\\]|[A-Za-z]:[/\\]|file:)|.*\.\.(?:[/\\]|\Z)", re.DOTALL)
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_ID_LENGTH = 128
#: Passes of the map that follows a mask in the background.
BACKGROUND_PASSES: Final = 20
_MOST_PASSES = 200
#: As a region of the map task: the largest of all regions' uncertainty at each voxel.
WHOLE_CASE: Final = "case"
#: Places found in a map; a reader is shown the first few of them.
MOST_PLACES: Final = 20


def new_image_id(text: str) -> str:
    """An id for an uploaded volume: the name it has in Slicer, which may hold blanks and signs but no path.

    Raises:
        InputError: the name is empty, too long, or could be read as a path.
    """
    plain = text.isprintable() and text == text.strip() and not text.startswith(".") and not re.search(r"[/\\]", text)
    if not text or len(text) > _ID_LENGTH or not plain:
        raise InputError(
            f"The image name {text[:_ID_LENGTH]!r} cannot be used. Expected 1 to {_ID_LENGTH} characters without '/', '\\' or control "
            "characters, not beginning with '.' or a blank. Rename the volume in Slicer and send it again."
        )
    return text


def label_tag(text: str) -> str:
    """A label tag.

    Raises:
        InputError: it holds anything but letters, digits, ``_`` and ``-``.
    """
    if not _TAG.match(text):
        raise InputError(f"The label tag {text[:64]!r} cannot be used. Expected up to 64 letters, digits, '_' or '-'.")
    return text


def read_params(text: str | None, *, refused: Collection[str] = REPLACING) -> dict[str, Any]:
    """The JSON object of a request's form field ``params``.

    Args:
        text: JSON, or nothing.
        refused: keys that may not be in it.

    Raises:
        InputError: it is no JSON object, or holds a refused key.
    """
    try:
        params = json.loads(text or "{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The request's params are not valid JSON: {error}.") from error
    if not isinstance(params, dict):
        raise InputError(f"The request's params must be a JSON object, not {type(params).__name__}.")
    return check_params(params, refused=refused)


def check_params(params: dict[str, Any], *, refused: Collection[str] = REPLACING) -> dict[str, Any]:
    """Refuse parameters that would replace what the address says, or that name a place on the server.

    Args:
        params: the parameters.
        refused: keys that may not be among them; none: keys and values are kept as facts and used for nothing.

    Raises:
        InputError: naming them, or saying what no database could keep.
    """
    try:
        plain = json.dumps(params, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputError("The request's params hold half of a character, which no text has.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"The request's params cannot be used: {error}.") from error
    client_id = params.get("client_id")
    if b"\\u0000" in plain or (isinstance(client_id, str) and not client_id.isprintable()):
        raise InputError("The request's params hold control characters where words are expected.")
    found = sorted(key for key, value in params.items() if key in refused or _is_path(key, value, refused))
    if found:
        raise InputError(
            f"The parameter{'s' if len(found) > 1 else ''} {', '.join(found)} cannot be set in the request's params. Leave it out."
        )
    return params


def _is_path(key: str, value: object, refused: Collection[str]) -> bool:
    if not refused or key in _FREE_TEXT:
        return False
    return _PATH_KEY.search(key) is not None or (isinstance(value, str) and _PATH.match(value) is not None)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


class Options(BaseModel):
    """Options of a task. What the plugin sends beside them is ignored; an empty text means the default."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    #: Which sequence a volume opened in Slicer is; ``auto``: its name says.
    sequence: Literal["auto", "t1", "t1ce", "t2", "flair"] = "auto"
    #: Format of the result file, by its ending; the plugin chooses it.
    result_extension: str = ".nrrd"
    #: Type of a mask's voxels; the plugin chooses it.
    result_dtype: str = "uint8"


class SegmentationOptions(Options):
    """Options of the segmentation tasks."""

    #: ``auto``: 20 passes in the background after the answer; 0: none; n: before the answer.
    passes: Literal["auto"] | int = "auto"
    #: The same seed gives the same map.
    seed: int = Field(default=0, ge=0, le=2**31 - 1)

    @field_validator("passes", mode="before")
    @classmethod
    def _passes(cls, value: object) -> object:
        return _passes_in_range(value)


class UncertaintyOptions(Options):
    """Options of the map task."""

    #: What the map shows.
    measure: Literal["std", "entropy", "mutual_information"] = "std"
    #: Runs of the network with dropout active, 1 to 200.
    passes: int = BACKGROUND_PASSES
    #: The same seed gives the same map.
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    #: Name of the segmentation task whose doubt it is; without it the default model.
    of: str = ""
    #: Whose uncertainty: a region's, or that of the whole case, which is the largest of the regions'.
    region: str = WHOLE_CASE

    @field_validator("passes", mode="before")
    @classmethod
    def _passes(cls, value: object) -> object:
        passes = _passes_in_range(value)
        if passes == "auto":
            return BACKGROUND_PASSES
        if passes == 0:
            raise ValueError("a map needs at least 1 pass")
        return passes


class PlacesOptions(Options):
    """Options of ``where_to_look``."""

    #: How many places, worst first.
    places: int = Field(default=5, ge=1, le=MOST_PLACES)
    #: Name of the segmentation task whose doubt it is; without it, or ``auto``, that of the last segmentation.
    of: str = ""


class BatchOptions(BaseModel):
    """Options of a batch run."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    #: Of each case's map; 0: masks alone.
    passes: int = BACKGROUND_PASSES
    #: At most so many cases; 0: all.
    max_batch_size: int = Field(default=0, ge=0)
    #: Sent by MONAI Label's own request; nothing else makes sense.
    save_label: Literal[True] = True
    #: Also sent by MONAI Label, with this one value.
    label_tag: Literal["original"] = "original"

    @field_validator("passes", mode="before")
    @classmethod
    def _passes(cls, value: object) -> object:
        passes = _passes_in_range(value)
        return BACKGROUND_PASSES if passes == "auto" else passes


def _passes_in_range(value: object) -> object:
    if value == "auto":
        return value
    try:
        passes = int(str(value))
    except ValueError:
        raise ValueError("expected a whole number, or auto") from None
    if not 0 <= passes <= _MOST_PASSES:
        raise ValueError(f"expected 0 to {_MOST_PASSES}")
    return passes


_Options = TypeVar("_Options", bound=BaseModel)


def read_options(kind: type[_Options], params: Mapping[str, Any]) -> _Options:
    """The options of a request.

    Raises:
        InputError: naming the option, its value and what was expected.
    """
    given = {key: value for key, value in params.items() if value is not None and value != ""}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(f"The option {name} = {given.get(name)!r} cannot be used: {reason}.") from error


#: The option tables as the plugin shows them: flat; texts, numbers and lists of texts only (a list becomes a drop-down box).
SEQUENCE_CHOICES: Final = list(SEQUENCE_OPTIONS)
PASSES_CHOICES: Final = ["auto", "0", "5", "10", "20", "50"]
