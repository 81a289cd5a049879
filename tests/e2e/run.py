#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
End-to-end tests: real kernels in QEMU (TCG). run.py [--long] [--loader ours|debian] [--jobs N] [--list] [NAME...]
--loader debian needs "tests/setup/guest-files peer" first. NAME: a case, or a part of the names of some, or a pattern
for them. Prints a line for each case and, last, "N passed, N failed". Logs of each case are in build/e2e/CASE/.
"""
import argparse
import fcntl
import fnmatch
import json
import os
import signal
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cases  # noqa: E402
import checks  # noqa: E402
import initramfs  # noqa: E402
import paths  # noqa: E402
import second_try  # noqa: E402
from qemu import Lost, kill_all  # noqa: E402

print_lock = threading.Lock()


def tail(path, lines):
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def run_case(case, loader):
    folder = f"{paths.BUILD}/e2e/{case.name}"
    initramfs.remove_tree(folder)
    os.makedirs(folder)
    context = cases.Context(folder, loader, checks.Results(), {})
    start = time.monotonic()
    try:
        case.run(context)
    except Exception as error:  # whatever it is, the other cases go on
        context.results.failed.append(str(error) if isinstance(error, Lost) else repr(error))
        with open(f"{folder}/traceback", "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
    seconds = time.monotonic() - start
    with open(f"{folder}/result.json", "w", encoding="utf-8") as file:
        json.dump({"case": case.name, "seconds": seconds, "passed": context.results.passed,
                   "failed": context.results.failed,
                   "timings": context.timings}, file, indent=1)
    report(case, context, folder, seconds)
    return not context.results.failed


def report(case, context, folder, seconds):
    results = context.results
    with print_lock:
        verdict = "FAILED" if results.failed else "ok"
        print(f"{verdict:6} {case.name} ({results.passed} checks, {seconds:.1f} s)", flush=True)
        for text in results.failed[:12]:
            print(f"       - {text}")
        if len(results.failed) > 12:
            print(f"       - and {len(results.failed) - 12} more")
        if results.failed:
            print(f"       logs: {folder}")
            for line in tail(f"{folder}/console.log", 12):
                print(f"       | {line[:160]}")
            for line in tail(f"{folder}/qemu.log", 40)[1:4]:
                print(f"       qemu: {line[:160]}")
        sys.stdout.flush()


def result(case):
    """The times that a case has taken."""
    with open(f"{paths.BUILD}/e2e/{case.name}/result.json", encoding="utf-8") as file:
        return json.load(file)["timings"]


def stop(*_):
    kill_all()
    os._exit(130)


def wanted(case, options):
    if options.arch and options.arch not in case.arches:
        return False
    if not options.names:
        return options.long or not case.only_long
    exact = {case.name for case in cases.all_cases()}.intersection(options.names)
    return case.name in exact or any(name in case.name or fnmatch.fnmatch(case.name, name) for name in options.names
                                     if name not in exact)


def capture_roots(options):
    lock = take_lock()
    for name in options.names or cases.ROOT_MACHINES:
        count = cases.capture_root(name, f"{paths.BUILD}/e2e/root-{name}", options.capture_root, options.loader)
        print(f"{name}: {count} files", flush=True)
    lock.close()
    return 0


def take_lock():
    """The cases' folders belong to one run at a time."""
    os.makedirs(f"{paths.BUILD}/e2e", exist_ok=True)
    lock = open(f"{paths.BUILD}/e2e/.lock", "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another run uses build/e2e; waiting for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def handle_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def main():
    handle_signals()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="the whole matrix")
    parser.add_argument("--loader", choices=("ours", "debian"), default="ours", help="which kexec loads in the guest")
    parser.add_argument("--arch", choices=("x86_64", "arm64"), help="only cases of one architecture")
    parser.add_argument("--jobs", type=int, default=2, help="guests at a time")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and stop")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these cases")
    parser.add_argument("--capture-root", metavar="DIR",
                        help="boot the machines of tests/root and store their /proc and /sys in DIR")
    options = parser.parse_args()
    if options.capture_root:
        return capture_roots(options)
    chosen = [case for case in cases.all_cases() if wanted(case, options)]
    if options.list:
        print("\n".join(case.name for case in chosen))
        return 0
    for arch in sorted({arch for case in chosen for arch in case.arches}):
        for program in ("pattern", "vmcore"):
            initramfs.guest_program(arch, program)
    lock = take_lock()
    passed = second_try.run_all(chosen, options.jobs, lambda case: run_case(case, options.loader))
    lock.close()
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed", flush=True)
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
