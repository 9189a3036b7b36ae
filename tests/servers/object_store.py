"""A small stand-in for an object store: as much of S3's protocol as a real client of it uses.

It checks no signatures and keeps objects in memory. What it can't do it refuses, so that a test
notices.
"""

from __future__ import annotations

import hashlib
import io
import threading
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

Query = dict[str, str]


class ObjectStore:
    """Context: a server on a free port of this machine, with one bucket named `bucket`."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.is_full = False
        """Whether it refuses to take anything."""
        store = self

        class Handler(_Handler):
            def __init__(self, *args: object) -> None:
                self.store = store
                super().__init__(*args)  # type: ignore[arg-type]

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, prefix: str, login: str = "key:secret") -> str:
        """The address of a prefix, as the portal's configuration takes it."""
        port = self._server.server_address[1]
        return (
            f"s3://{login}@bucket/{prefix}?region=us-east-1&scheme=http"
            f"&endpoint_override=127.0.0.1:{port}"
        )


class _Handler(BaseHTTPRequestHandler):
    """One request. Paths are /bucket/key."""

    protocol_version = "HTTP/1.1"
    store: ObjectStore

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in its base
        """Nothing: tests read what the store holds."""

    def _asked(self) -> tuple[str, Query]:
        parts = urlsplit(self.path)
        key = unquote(parts.path).removeprefix("/bucket").lstrip("/")
        return key, dict(parse_qsl(parts.query, keep_blank_values=True))

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            raw = _unchunked(self.rfile)
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            raw = _unchunked(io.BytesIO(raw))
        return raw

    def _answer(
        self, status: HTTPStatus, body: str = "", headers: dict[str, str] | None = None
    ) -> None:
        payload = body.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")

    def _facts(self, data: bytes) -> dict[str, str]:
        tag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return {"ETag": f'"{tag}"', "Last-Modified": formatdate(usegmt=True)}

    def do_HEAD(self) -> None:
        key, _ = self._asked()
        data = self.store.objects.get(key)
        if data is None and key:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        size = {"Content-Length": str(len(data or b""))}
        self._answer(HTTPStatus.OK, headers=self._facts(data or b"") | size)

    def do_GET(self) -> None:
        key, query = self._asked()
        if not key and query.get("list-type") == "2":
            self._list(query)
        elif key in self.store.objects:
            self._send(self.store.objects[key])
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "NoSuchKey")

    def _send(self, data: bytes) -> None:
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        for name, value in self._facts(data).items():
            self.send_header(name, value)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def _list(self, query: Query) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        keys: list[str] = []
        folders: set[str] = set()
        for key in sorted(self.store.objects):
            if not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.split(delimiter)[0] + delimiter)
            else:
                keys.append(key)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entries = "".join(
            f"<Contents><Key>{quote(key)}</Key><Size>{len(self.store.objects[key])}</Size>"
            f"<LastModified>{now}</LastModified></Contents>"
            for key in keys
        )
        entries += "".join(
            f"<CommonPrefixes><Prefix>{quote(folder)}</Prefix></CommonPrefixes>"
            for folder in sorted(folders)
        )
        self._answer(
            HTTPStatus.OK,
            f"<ListBucketResult><EncodingType>url</EncodingType><KeyCount>"
            f"{len(keys) + len(folders)}</KeyCount><IsTruncated>false</IsTruncated>{entries}"
            "</ListBucketResult>",
        )

    def do_PUT(self) -> None:
        key, query = self._asked()
        data = self._body()
        if self.store.is_full:
            self._refuse(HTTPStatus.FORBIDDEN, "AccessDenied")
            return
        origin = self.headers.get("x-amz-copy-source")
        if origin:
            self.store.objects[key] = self.store.objects[_key_of(origin)]
            self._answer(HTTPStatus.OK, "<CopyObjectResult><ETag>x</ETag></CopyObjectResult>")
            return
        if "uploadId" in query:
            self.store.uploads[query["uploadId"]][int(query["partNumber"])] = data
        else:
            self.store.objects[key] = data
        self._answer(HTTPStatus.OK, headers=self._facts(data))

    def do_POST(self) -> None:
        key, query = self._asked()
        self._body()
        if self.store.is_full:
            self._refuse(HTTPStatus.FORBIDDEN, "AccessDenied")
        elif "uploads" in query:
            upload = f"upload-{len(self.store.uploads)}"
            self.store.uploads[upload] = {}
            self._answer(
                HTTPStatus.OK,
                "<InitiateMultipartUploadResult><Bucket>bucket</Bucket>"
                f"<Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
                "</InitiateMultipartUploadResult>",
            )
        elif "uploadId" in query:
            parts = self.store.uploads.pop(query["uploadId"])
            self.store.objects[key] = b"".join(parts[number] for number in sorted(parts))
            self._answer(
                HTTPStatus.OK,
                f"<CompleteMultipartUploadResult><Key>{escape(key)}</Key><ETag>x</ETag>"
                "</CompleteMultipartUploadResult>",
            )
        else:
            self._refuse(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented")

    def do_DELETE(self) -> None:
        key, query = self._asked()
        if "uploadId" in query:
            self.store.uploads.pop(query["uploadId"], None)
        else:
            self.store.objects.pop(key, None)
        self._answer(HTTPStatus.NO_CONTENT)


def _unchunked(stream: BinaryIO | io.BufferedIOBase) -> bytes:
    """The data of chunks (size in hexadecimal, an end of line, data, an end of line) up to the one
    of size 0 and the trailing headers after it."""
    whole = b""
    while size := int(stream.readline().split(b";")[0], 16):
        whole += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        continue
    return whole


def _key_of(copy_source: str) -> str:
    return unquote(copy_source).lstrip("/").removeprefix("bucket/")
