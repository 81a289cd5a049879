#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What ./demo shows: one guest is loaded, panics, and its memory is saved, with every step printed.
demo.py [--arch x86_64|arm64]
"""
import argparse
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cases  # noqa: E402
import checks  # noqa: E402
import initramfs  # noqa: E402
import paths  # noqa: E402
import run  # noqa: E402
import save_case  # noqa: E402
from machines import Machine  # noqa: E402
from qemu import Lost  # noqa: E402

MACHINES = {"x86_64": Machine(cpus=2), "arm64": Machine(arch="arm64", firmware="dt", cpus=2)}
WIDTH = 150


def attempt(function):
    """Its value, or the exception: for a thread whose caller wants either."""
    try:
        return function()
    except (Lost, OSError) as error:
        return error


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

    def follow(self, guest, command, seconds):
        """Run a command in the guest; what it says on the console meanwhile is shown at once. Its status and output."""
        seen, answer = guest.console_length(), []
        thread = threading.Thread(target=lambda: answer.append(attempt(lambda: guest.run(command, seconds))))
        thread.start()
        while True:
            thread.join(0.2)
            text = guest.console_text(seen)
            whole = text if not thread.is_alive() else text[:text.rfind("\n") + 1]
            seen += len(whole.encode())
            self.output("\n".join(line.rstrip() for line in whole.splitlines() if line.strip()
                                  and not re.match(r"\[ *[0-9.]+\]", line)))
            if not thread.is_alive():
                break
        result = answer[0]
        if isinstance(result, Exception):
            raise result
        self.output(result[1].decode(errors="replace"))
        return result

    def console(self, text):
        """Of the console between two kernels: the panic, what the purgatory says, how the capture kernel begins."""
        lines = [re.sub(r"[^ -~]", "", line) for line in text.splitlines()]
        panic = next((index for index, line in enumerate(lines) if "Kernel panic" in line), 0)
        purgatory = next((index for index, line in enumerate(lines) if "purgatory:" in line), len(lines))
        self.output("\n".join(lines[panic:panic + 1] + [f"... {max(purgatory - panic - 1, 0)} lines ..."]
                              + lines[purgatory:purgatory + 5]))


def human(number):
    return f"{number / (1 << 20):.1f} MiB"


def show_log(viewer, folder):
    viewer.step("the crashed kernel's log, saved first: around the panic")
    try:
        with open(f"{folder}/crash/dmesg.txt", encoding="utf-8", errors="replace") as file:
            lines = file.read().rstrip().splitlines()
    except OSError:
        viewer.output("(could not be read)")
        return
    panic = next((index for index, line in enumerate(lines) if "Kernel panic" in line), len(lines) - 1)
    viewer.output("\n".join([f"... {max(panic - 4, 0)} lines ..."] + lines[max(panic - 4, 0):panic + 12]))


def show_dump(viewer, context):
    """What readers that are not ours find in the dump."""
    facts = context.facts
    viewer.step("independent readers open the dump")
    if not facts:
        viewer.output("(there is none)")
        return
    registers = "; ".join(f"CPU {number}: pid {cpu['pid']} at {cpu['symbol']}"
                          for number, cpu in enumerate(facts["registers"]))
    state = "complete" if not facts["incomplete"] else "NOT complete"
    lines = [f"libkdumpfile: {facts['format']}, {state}, kernel {facts['release']}",
             f"libkdumpfile: {registers}",
             f"libkdumpfile: all {facts['kept']} pages can be read, "
             f"{facts['wrong']} differ from a raw copy of /proc/vmcore"]
    lines.append(f"makedumpfile: {facts['makedumpfile']}")
    viewer.output("\n".join(lines))


def summary(viewer, context, folder):
    timings, results = context.timings, context.results
    show_log(viewer, folder)
    show_dump(viewer, context)
    viewer.step("summary")
    loaded_mib = (timings.get("load_kbytes") or 0) / 1024
    rows = [("loaded", f"in {timings.get('load_seconds', 0):.2f} s, with at most {loaded_mib:.0f} MiB of memory"),
            ("panic to capture kernel", f"{timings.get('panic_to_capture', 0):.1f} s"),
            ("panic to complete dump", f"{timings.get('panic_to_dump', 0):.1f} s, of which kdump ran "
                                       f"{timings.get('save_crash', 0):.1f} s, with at most "
                                       f"{timings.get('peak_mib_crash', 0):.0f} MiB of memory"),
            ("memory, dump", f"{human(timings.get('ram', 0))} of RAM, all but the crash kernel's region; "
                             f"{human(timings.get('bytes_crash', 0))} on disk"),
            ("checks", f"{results.passed} passed, {len(results.failed)} failed")]
    for name, value in rows:
        print(f"  {name:24} {value}")
    for text in results.failed:
        print(f"  FAILED: {text}")
    print(f"  {'files':24} {os.path.relpath(folder, paths.TOP)}/crash/ (vmcore, dmesg.txt, README.txt), .../vmcore "
          "(the raw copy), console.log ...", flush=True)


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
        save_case.show(context, MACHINES[options.arch])
    except (Lost, OSError, ValueError, subprocess.SubprocessError, cases.vmcore.CoreError) as error:
        context.results.failed.append(str(error))
        viewer.step(f"stopped: {error}; the end of the console:")
        viewer.output("\n".join(run.tail(f"{folder}/console.log", 20)))
    summary(viewer, context, folder)
    return 1 if context.results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
