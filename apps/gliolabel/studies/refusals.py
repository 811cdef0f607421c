"""The sentences in which a damaged or strange volume file is refused."""

from __future__ import annotations

from typing import Final

from gliolabel.errors import InputError

#: What is said of a file that is not whole.
DAMAGED: Final[str] = "The file is truncated or damaged; copy it again from its source"

#: So much of what a file says is shown.
_SHOWN: Final[int] = 80


def shown(text: str) -> str:
    """The beginning of what a header says, in quotation marks and without signs that are no text."""
    return repr(text.strip()[:_SHOWN].encode("utf-8", errors="replace").decode())


def not_an_image(where: str, why: str) -> InputError:
    """The error for a file that no reader understands."""
    return InputError(
        f"{where}: cannot be read as an image ({why}). Expected a .nii, .nii.gz, .nrrd or .mha volume; copy it again from its source"
    )


def no_second_file(where: str, line: str) -> InputError:
    """The error for a header that names another file. It would be read with the server's rights."""
    return InputError(f"{where}: its header says that the voxels lie in another file ({shown(line)}). Save the volume as one file")


def wrong_field(where: str, name: str, value: str, expected: str) -> InputError:
    """The error for a field of the header that cannot be right."""
    return InputError(f"{where}: its header gives {name} = {shown(value)}, expected {expected}. Export it again")
