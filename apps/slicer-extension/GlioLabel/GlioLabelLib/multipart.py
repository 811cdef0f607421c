"""Forms with files, as they are sent and as the server answers them."""

from __future__ import annotations

import re
import uuid
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple


class Part(NamedTuple):
    """A part of an answer: its field, its file name if it is a file, its content."""

    field: str
    filename: Optional[str]
    content: bytes


def encode(fields: Dict[str, str], files: Iterable[Tuple[str, str, bytes]]) -> Tuple[bytes, str]:
    """A form as a body and its content type.

    Args:
        fields: texts by name.
        files: name of the field, file name, content.

    Example:
        >>> body, kind = encode({"params": "{}"}, [])
        >>> read(body, kind)
        [Part(field='params', filename=None, content=b'{}')]
    """
    boundary = uuid.uuid4().hex
    lines: List[bytes] = []
    for name, text in fields.items():
        lines += [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode(), text.encode(), b"\r\n"]
    for name, filename, content in files:
        safe = re.sub(r'[\r\n"\\]', "_", filename)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{safe}"\r\n'
        lines += [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", content, b"\r\n"]
    lines.append(f"--{boundary}--\r\n".encode())
    return b"".join(lines), f"multipart/form-data; boundary={boundary}"


def read(body: bytes, content_type: str) -> List[Part]:
    """The parts of an answer.

    Raises:
        ValueError: it is no form.
    """
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if not content_type.startswith("multipart/") or found is None:
        raise ValueError(f"the answer is {content_type or 'of no type'}, not a form")
    parts = []
    for block in (b"\r\n" + body).split(b"\r\n--" + found.group(1).encode())[1:]:
        if block.startswith(b"--"):
            break
        head, _, content = block.partition(b"\r\n\r\n")
        header = head.decode("utf-8", "replace")
        name = re.search(r'[; ]name="([^"]*)"', header)
        filename = re.search(r'filename="([^"]*)"', header)
        parts.append(Part(name.group(1) if name else "", filename.group(1) if filename else None, content))
    return parts
