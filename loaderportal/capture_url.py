"""The address of the place for raw captures, checked without opening it.

pyarrow reads the same address later, and opening one of S3 starts its threads: no process that
does not capture should have to.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_FORM = "it must be /a/folder, file:///a/folder or s3://bucket/prefix?region=..."
_OPTIONS = {
    "allow_delayed_open",
    "endpoint_override",
    "region",
    "scheme",
    "tls_ca_dir_path",
    "tls_ca_file_path",
    "tls_verify_certificates",
}
_PLAIN = re.compile(r"[!\"$-~]+")


def capture_url(text: str) -> str:
    """The address as it stands. Raises ValueError, which never quotes it, for what pyarrow would
    not understand or what would depend on the folder that a process was started in."""
    if text.startswith("/"):
        _check_folder(text)
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(_FORM) from None
    if not _PLAIN.fullmatch(text):
        raise ValueError(
            "it must be plain ASCII without #; write other characters as %20 and the like"
        )
    if parts.scheme == "file" and text.startswith("file:///") and not parts.query:
        _check_folder(unquote(parts.path))
    elif parts.scheme == "s3" and text.startswith("s3://"):
        _check_bucket(parts)
    else:
        raise ValueError(_FORM)
    return text


def _check_folder(path: str) -> None:
    folder = PurePosixPath(path)
    if ".." in folder.parts or len(folder.parts) < 2 or "\0" in path:
        raise ValueError("it must name a folder below /, without ..")


def _check_bucket(parts: SplitResult) -> None:
    if not parts.hostname:
        raise ValueError(_FORM)
    try:
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        options = {}
    if not options.get("region"):
        raise ValueError("an s3 address must say its region: s3://bucket/prefix?region=...")
    if not options.keys() <= _OPTIONS:
        raise ValueError(f"after the ? it may have {', '.join(sorted(_OPTIONS))} only")
    if options.get("scheme", "https") not in {"http", "https"}:
        raise ValueError("its scheme must be http or https")
    for name in ("allow_delayed_open", "tls_verify_certificates"):
        if options.get(name, "true") not in {"true", "false"}:
            raise ValueError(f"its {name} must be true or false")
