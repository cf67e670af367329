"""Runs the measurements named on the command line, or all of them, one after the other."""

from __future__ import annotations

import importlib
import sys

from bench.result import Measure

BENCHES = (
    "startup",
    "first_step",
    "merge_memory",
    "packing",
    "data_path",
    "stream_memory",
    "sft_memory",
    "kill_loop",
    "engine",
    "server",
    "training",
)


def main() -> int:
    names = sys.argv[1:] or list(BENCHES)
    unknown = sorted(set(names) - set(BENCHES))
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    missed = False
    for name in names:
        measures: list[Measure] = importlib.import_module(f"bench.{name}").measures()
        for measure in measures:
            print(measure.line(), flush=True)
            missed |= measure.kept is False
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
