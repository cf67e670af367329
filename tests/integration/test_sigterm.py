from __future__ import annotations

import os
import signal

import pytest

from swiftx.adapters.system.signals import sigterm_interrupts


def be_told_to_end() -> None:
    with sigterm_interrupts():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 5)


def test_sigterm_interrupts_what_runs_and_only_while_it_runs() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        be_told_to_end()

    assert signal.getsignal(signal.SIGTERM) is before
