# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of `kdump save` that are disturbed, and what must be true afterwards."""
import concurrent.futures
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import traceback

import dump as dumps

PAGE = 4096
SECONDS_MAX = 120
ALL = ("-d", "0", "--codec", "zlib:1")
FINISHED = "The dump is complete."
STOPPED = "The dump is not complete."
FAILED = "The dump could not be saved."
RUNNING = "The dump is in progress."
ENOSPC, EDQUOT, EIO, EFBIG = 28, 122, 5, 27


class Run:
    """One `kdump save` into a folder of its own, which goes with it."""

    def __init__(self, test, *options, core=None, env=None, target=None, kdump=None, before=None, kill_after=None,
                 wrap=(), quiet=True):
        self.test = test
        self.folder = target or tempfile.mkdtemp(dir=test.folder)
        command = [*wrap, kdump or test.args.kdump, "save", *(["-q"] if quiet else []), *options,
                   core or test.args.core, self.folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=dict(os.environ, **(env or {})), preexec_fn=before, errors="replace")
        if kill_after is not None:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        try:
            self.out, self.errors = process.communicate(timeout=SECONDS_MAX)
            self.status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.out, self.errors, self.status = "", "it hangs", None

    def read(self, name):
        try:
            with open(os.path.join(self.folder, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def note(self):
        return (self.read("README.txt") or b"").decode()

    def dumps(self):
        return sorted(glob.glob(os.path.join(self.folder, "vmcore*")))

    def names(self):
        return sorted(os.listdir(self.folder))

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Test:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.core = dumps.Core(args.kdump, args.core)
        self.passed = self.failed = 0
        self.lock = threading.Lock()
        whole = Run(self, *ALL)
        self.log = whole.read("dmesg.txt")
        self.whole = os.path.getsize(whole.dumps()[0])
        self.tables = dumps.Dump(whole.dumps()[0]).zeros
        self.note("level 0", self.finished(whole))
        whole.remove()
        # Milliseconds a MiB, for the whole to take so many seconds.
        self.slow = 4000 * (1 << 20) // self.whole

    def note(self, what, fault):
        with self.lock:
            if fault:
                print("FAIL %s: %s" % (what, fault), flush=True)
                self.failed += 1
            else:
                self.passed += 1

    def each(self, function, items):
        """Two at a time: these runs wait more than they work."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(function, item) for item in items]:
                try:
                    done.result()
                except Exception:  # a dump that even this reader does not understand
                    self.note(function.__name__, traceback.format_exc())

    # ---- what must be true ----

    def crashed(self, run):
        if run.status is None or run.status < 0 or run.status > 3:
            return "status %s: %s" % (run.status, run.errors[-2000:])
        if "Sanitizer" in run.errors or "runtime error" in run.errors:
            return run.errors[-2000:]
        return None

    def opens(self, run, path, complete=False, lost=()):
        return dumps.opens(self.args.kdump, path, SECONDS_MAX) or \
            dumps.content_fault(dumps.Dump(path), self.core, complete, lost)

    def finished(self, run, lost=()):
        """A complete dump with everything that belongs to it, and nothing else."""
        fault = self.crashed(run)
        if fault or run.status:
            return fault or "status %d: %s" % (run.status, run.errors[-1000:])
        if run.names() != ["README.txt", "dmesg.txt", "vmcore"]:
            return "files: %s" % run.names()
        for name in run.names():
            if os.stat(os.path.join(run.folder, name)).st_mode & 0o7777 != 0o600:
                return "%s can be read by others" % name
        if not run.note().startswith(FINISHED):
            return "README.txt: %s" % run.note()
        if dumps.Dump(run.dumps()[0]).status & dumps.INCOMPLETE:
            return "it is marked incomplete"
        return self.opens(run, run.dumps()[0], True, lost)

    def stopped(self, run, why, log=True):
        """A dump that is not complete, that says so everywhere, and why."""
        fault = self.crashed(run)
        if fault or run.status != 3:
            return fault or "status %d: %s" % (run.status, run.errors[-1000:])
        if [os.path.basename(path) for path in run.dumps()] != ["vmcore-incomplete"]:
            return "files: %s" % run.names()
        if [name for name in run.names() if name.startswith(".")]:
            return "files: %s" % run.names()
        if not run.note().startswith(STOPPED) or why not in run.note():
            return "README.txt: %r" % run.note()
        if log and run.read("dmesg.txt") != self.log:
            return "dmesg.txt is not whole"
        if not dumps.Dump(run.dumps()[0]).status & dumps.INCOMPLETE:
            return "it is not marked incomplete"
        return self.opens(run, run.dumps()[0])

    def refused(self, run, log=True):
        """No dump, and nothing that looks like one."""
        fault = self.crashed(run)
        if fault or run.status != 1:
            return fault or "status %d: %s" % (run.status, run.errors[-1000:])
        if run.dumps() or not run.errors:
            return "files: %s, errors: %s" % (run.names(), run.errors)
        if log and not run.note().startswith(FAILED):
            return "README.txt: %r" % run.note()
        return None

    def preload(self, **env):
        return {"LD_PRELOAD": os.path.abspath(self.args.preload), **{key: str(value) for key, value in env.items()}}
