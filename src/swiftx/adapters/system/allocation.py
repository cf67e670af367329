"""How the C library keeps memory between tensors.

By its own rules glibc gives a block back as soon as a large tensor is freed and asks for it anew for the next
one. Each time the kernel hands out zeroed pages of 4 KiB: a tenth to a third of the time of training,
and blocks of many sizes left holes that no later tensor fitted into.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import MutableMapping
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_KEPT = (1 << 31) - 1
"""Bytes at the end of the heap that are not given back; the largest int."""
_MAPPED = 1 << 30
"""Bytes; blocks from this size on are mapped, and go back to the system when freed."""
_LARGE_PAGES = "THP_MEM_ALLOC_ENABLE"
_OWN_SETTINGS = (
    "GLIBC_TUNABLES",
    "LD_PRELOAD",  # perhaps another allocator
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_TRIM_THRESHOLD_",
)


def keep_freed_memory(environ: MutableMapping[str, str] | None = None) -> bool:
    """Make this process use freed memory again, in large pages; return whether glibc's thresholds were set.

    They are left alone where the environment sets the allocator up itself, or where the C library is not
    glibc. It must run before torch is imported, which reads the variable with its first tensor and then puts
    tensors of 2 MB and more on large pages of Linux. Less for the pages than for where they begin: among
    tensors that begin anywhere, the C library finds freed memory again only by chance. LoRA on 4 rows of 400
    tokens peaked at 1.6 GB in place of 2.6, without gradient checkpointing at 4.0 in place of 4.8.

    Args:
        environ: The environment of the process, which gets the variable; None is `os.environ`.
    """
    environ = os.environ if environ is None else environ
    environ.setdefault(_LARGE_PAGES, "1")
    if sys.platform != "linux" or any(name in environ for name in _OWN_SETTINGS):
        return False
    library: Any = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return bool(
        library.mallopt(_MMAP_THRESHOLD, _MAPPED) and library.mallopt(_TRIM_THRESHOLD, _KEPT)
    )
