# SPDX-License-Identifier: GPL-2.0-or-later
"""
Cases that failed are run again, alone. Guests under TCG are lost now and then before anything of ours runs; what fails
once is told as unsteady, with its reasons, and its logs are kept; what fails twice has failed. More than a few failures
are no accident: then there is no second try.
"""
import concurrent.futures
import json
import os

import initramfs
import paths

MOST = 2                   # cases that may have a second try
FOLDER = f"{paths.BUILD}/e2e"


def folder_of(case):
    return f"{FOLDER}/{case.name}"


def first_reasons(case):
    """Why it failed, as one line. Its folder becomes CASE.first."""
    with open(f"{folder_of(case)}/result.json", encoding="utf-8") as file:
        reasons = json.load(file)["failed"]
    initramfs.remove_tree(f"{folder_of(case)}.first")
    os.rename(folder_of(case), f"{folder_of(case)}.first")
    return "; ".join(" ".join(text.split())[:300] for text in reasons[:3])


def run_all(chosen, jobs, run, say=print):
    """RUN(case) for each case, JOBS at a time, and again for the few that failed: whether each was good."""
    with concurrent.futures.ThreadPoolExecutor(max(jobs, 1)) as pool:
        good = list(pool.map(run, chosen))
    failed = [number for number, was_good in enumerate(good) if not was_good]
    for number in failed if len(failed) <= MOST else ():
        reasons = first_reasons(chosen[number])
        good[number] = run(chosen[number])
        if good[number]:
            say(f"unsteady: {chosen[number].name} failed the first time: {reasons}", flush=True)
    return good
