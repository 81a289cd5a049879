#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong while a dump is saved, on a real core: run.py KDUMP CORE --preload FAULT_SO [--asan KDUMP] [--long]

Every time there must be a dump that `kdump check` and libkdumpfile open, in which every page equals the core's and
nothing stands that is less important than what is missing. FAULT_SO is tests/fakes/fault.c.
"""
import argparse
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import reading  # noqa: E402
import telling  # noqa: E402
import writing  # noqa: E402
from harness import Test  # noqa: E402

PARTS = (writing.kills, writing.disk, writing.elf, writing.limits, writing.targets, reading.source, reading.memory,
         reading.damage, reading.flips, telling.prediction, telling.terminal)


def main():
    names = [part.__name__ for part in PARTS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kdump")
    parser.add_argument("core")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=names, help=", ".join(names))
    parser.add_argument("--asan", help="a kdump with sanitizers, for the damaged cores")
    parser.add_argument("--preload", required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--sizes", type=int, default=50)
    parser.add_argument("--flips", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int, help="only this one of the flips")
    parser.add_argument("--long", action="store_true")
    args = parser.parse_args()
    for name in args.parts:
        if name not in names:
            parser.error("no part is called %s; parts: %s" % (name, ", ".join(names)))
    if args.flips is None:
        args.flips = 1000 if args.long else 100
    with tempfile.TemporaryDirectory(prefix="faults-", dir=os.environ.get("TMPDIR")) as folder:
        test = Test(args, folder)
        for part in PARTS:
            if part.__name__ in args.parts:
                random.seed(args.seed)
                begun = time.monotonic()
                part(test)
                print("%s: %.0f s" % (part.__name__, time.monotonic() - begun), flush=True)
    print("%d passed, %d failed" % (test.passed, test.failed))
    return 1 if test.failed else 0


if __name__ == "__main__":
    sys.exit(main())
