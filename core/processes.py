"""Worker processes: that they end with the one that started them, and what they carry along."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Make the `preexec_fn` that has Linux send `number` to a child when this process dies.

    The kernel forgets the request when credentials change, so the child must have given up its
    privileges before (Popen's `user` does) and must not do so afterwards. It answers to the
    death of the *thread* that started the child, so that has to be one that lasts: the main one.
    Elsewhere than on Linux the function does nothing.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def in_child() -> None:
        if libc is None:
            return
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before the request was made
            os._exit(1)

    return in_child


def settle() -> None:
    """Tell the collector of cycles that what is loaded by now stays: it need not walk over it
    again and again, and forked workers share its pages."""
    gc.collect()
    gc.freeze()


def end_forks_with_parents() -> None:
    """From now on every process that this one or a descendant forks ends with its parent."""
    requests: list[Callable[[], None]] = []

    def before() -> None:
        requests.append(end_with_parent())

    def in_child() -> None:
        requests.pop()()

    os.register_at_fork(before=before, after_in_parent=requests.clear, after_in_child=in_child)
