#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What ./demo shows: one guest is loaded, panics and is captured, with every step printed. demo.py [--arch x86_64|arm64]"""
import argparse
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cases  # noqa: E402
import checks  # noqa: E402
import initramfs  # noqa: E402
import paths  # noqa: E402
import run  # noqa: E402
from machines import Machine  # noqa: E402
from qemu import Lost  # noqa: E402

MACHINES = {"x86_64": Machine(cpus=2), "arm64": Machine(arch="arm64", firmware="dt", cpus=2)}
WIDTH = 150


class Viewer:
    """Prints a case as it goes."""

    def __init__(self):
        self.start = time.monotonic()
        self.colour = sys.stdout.isatty()

    def _print(self, text):
        print(text, flush=True)

    def step(self, text):
        stamp = f"[{time.monotonic() - self.start:5.1f} s]"
        self._print(f"\n\033[1m{stamp} {text}\033[0m" if self.colour else f"\n{stamp} {text}")

    def command(self, text):
        self._print(f"  # {text}")

    def output(self, text):
        for line in text.rstrip().splitlines():
            self._print(f"  | {line.rstrip()[:WIDTH]}")

    def console(self, text):
        """Of the console between two kernels: the panic, what the purgatory says, the first lines of the capture kernel."""
        lines = [re.sub(r"[^ -~]", "", line) for line in text.splitlines()]
        panic = next((index for index, line in enumerate(lines) if "Kernel panic" in line), 0)
        purgatory = next((index for index, line in enumerate(lines) if "purgatory:" in line), len(lines))
        self.output("\n".join(lines[panic:panic + 1] + [f"... {max(purgatory - panic - 1, 0)} lines ..."] + lines[purgatory:purgatory + 5]))


def summary(viewer, context, folder):
    timings, results = context.timings, context.results
    viewer.step("the crashed kernel's log, out of the vmcore: around the panic")
    try:
        with open(f"{folder}/dmesg", encoding="utf-8") as file:
            lines = file.read().rstrip().splitlines()
        panic = next((index for index, line in enumerate(lines) if "Kernel panic" in line), len(lines) - 1)
        viewer.output("\n".join([f"... {max(panic - 5, 0)} lines ..."] + lines[max(panic - 5, 0):panic + 14]))
    except OSError:
        viewer.output("(could not be read)")
    viewer.step("summary")
    rows = [("loaded", f"in {timings.get('load_seconds', 0):.2f} s, with at most {timings.get('load_kbytes', 0) / 1024:.0f} MiB of memory"),
            ("panic to capture kernel", f"{timings.get('panic_to_capture', 0):.1f} s"),
            ("RAM in the dump", f"{timings.get('bytes', 0) / (1 << 20):.1f} MiB: all but the crash kernel's region"),
            ("CPUs with registers", str(timings.get("cpus", 0))),
            ("checks", f"{results.passed} passed, {len(results.failed)} failed")]
    for name, value in rows:
        print(f"  {name:24} {value}")
    for text in results.failed:
        print(f"  FAILED: {text}")
    print(f"  files                    {os.path.relpath(folder, paths.TOP)}/ (vmcore, dmesg, console.log ...)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=sorted(MACHINES), default="x86_64")
    options = parser.parse_args()
    run.handle_signals()
    folder = f"{paths.BUILD}/e2e/demo-{options.arch}"
    initramfs.remove_tree(folder)
    os.makedirs(folder)
    viewer = Viewer()
    context = cases.Context(folder, "ours", checks.Results(), {}, viewer)
    try:
        cases.crash(context, MACHINES[options.arch], keep=True)
    except (Lost, OSError, ValueError, subprocess.SubprocessError, cases.vmcore.CoreError) as error:
        context.results.failed.append(str(error))
        viewer.step(f"stopped: {error}; the end of the console:")
        viewer.output("\n".join(run.tail(f"{folder}/console.log", 20)))
    summary(viewer, context, folder)
    return 1 if context.results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
