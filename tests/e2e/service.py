#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The service, end to end: a Debian with systemd in QEMU, on which the package is installed, and which then crashes in
every way it can.
service.py [--long] [--crash] [--jobs N] [--deb FILE] [--list] [NAME...]; needs "make deb" and tests/setup/debian-guest.
Prints a line for each case and, last, "N passed, N failed". Logs of each case are in build/e2e/CASE/.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import crash_reader  # noqa: E402
import run  # noqa: E402
import second_try  # noqa: E402
import service_builders  # noqa: E402
import service_case  # noqa: E402
import service_raw  # noqa: E402
import service_targets  # noqa: E402


def times(case):
    """What was measured, as one line under the case's."""
    names = {
        "panic_to_capture": "capture kernel",
        "panic_to_dump": "dump complete",
        "panic_to_reboot": "reset",
        "panic_to_login": "login",
    }
    result = run.result(case)
    found = [f"{text} {result[name]} s" for name, text in names.items() if name in result]
    if found:
        print(f"       from the panic: {', '.join(found)}", flush=True)


def main():
    run.handle_signals()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="every case")
    parser.add_argument("--crash", action="store_true", help="open the dumps of Debian 12's kernel with crash(8), too")
    parser.add_argument("--jobs", type=int, default=1, help="guests at a time")
    parser.add_argument("--deb", help="this package, not the one of make deb")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and stop")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these cases")
    options = parser.parse_args()
    service_case.chosen_package += [options.deb] if options.deb else []
    crash_reader.wanted += [True] if options.crash else []
    chosen = [
        case
        for case in service_case.CASES + service_builders.CASES + service_raw.CASES + service_targets.CASES
        if (case.name in options.names if options.names else options.long or not case.only_long)
    ]
    if options.list:
        print("\n".join(case.name for case in chosen))
        return 0

    def one(case):
        good = run.run_case(case, "ours")
        times(case)
        return good

    passed = second_try.run_all(chosen, options.jobs, one)
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed", flush=True)
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
