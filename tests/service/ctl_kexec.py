#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kdumpctl with the real kexec, of which only the system call is replaced (tests/fakes/kexec_fake.c).

    tests/service/ctl_kexec.py KDUMPCTL KEXEC FAKE.so [TEST]...
"""
import ctypes
import os
import subprocess
import sys

import ctl_case

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
import images  # noqa: E402

KEXEC = FAKE = None
# kexec loads nothing from a sysroot: that would be another machine's. The fake puts this one below the folder.
WRAPPER = """#!/bin/sh
loaded=1
for word; do
	shift
	case $word in --sysroot=*) ;; *) set -- "$@" "$word" ;; esac
	case $word in -u) loaded=0 ;; --verify) loaded= ;; esac
done
LD_PRELOAD=$KEXEC_FAKE "$KEXEC_REAL" "$@" || exit
[ -z "$loaded" ] || echo $loaded >"$SYSROOT/sys/kernel/kexec_crash_loaded"
"""
PR_CAPBSET_DROP, CAP_SYS_BOOT = 24, 22


class Real(ctl_case.System):
    release = "6.1.0-49-synthetic"

    def setUp(self):
        super().setUp()
        os.unlink(self.at("proc/iomem"))
        os.unlink(self.at("sys/devices/system/cpu/present"))
        made = os.path.join(self.tmp, "made")
        subprocess.run(["/usr/bin/python3", os.path.join(TESTS, "root/make-synthetic"), "--arch", "x86_64", "--cpus",
                        "4", "--ranges", "6",
                        "--crash", "256M", made], check=True)
        for where, _, names in os.walk(made):
            for name in names:
                path = os.path.join(where, name)
                target = self.at(os.path.relpath(path, made))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.replace(path, target)
        self.put("proc/self/status", "Name:\tkexec\nCapEff:\t000001ffffffffff\n")
        self.put("proc/sys/kernel/kexec_load_disabled", "0\n")
        self.put("proc/meminfo", "MemTotal:        8000000 kB\n")
        self.put("sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
        self.put("sys/kernel/kexec_loaded", "0\n")
        self.put("sys/kernel/kexec_crash_loaded", "0\n")
        if not os.path.exists(self.at("sys/devices/system/cpu/present")):
            self.put("sys/devices/system/cpu/present", "0-3\n")
        with open(self.at("boot/vmlinuz-" + self.release), "wb") as out:
            out.write(images.for_arch("x86_64"))
        self.fake("kexec", WRAPPER)
        os.mkdir(os.path.join(self.tmp, "dump"))
        self.more = {}

    def environment(self):
        return dict(super().environment(), KEXEC_FAKE=FAKE, KEXEC_REAL=KEXEC, KEXEC_FAKE_ROOT=self.root,
                    KEXEC_FAKE_LOG=os.path.join(self.tmp, "log"),
                    KEXEC_FAKE_DUMP=os.path.join(self.tmp, "dump"), **self.more)

    def system_calls(self):
        path = os.path.join(self.tmp, "log")
        return ctl_case.read(path) if os.path.exists(path) else ""

    def test_start_reload_stop(self):
        self.good("start")
        self.assertEqual(ctl_case.read(self.at("sys/kernel/kexec_crash_loaded")).strip(), "1")
        self.assertTrue(os.path.exists(self.at("run/kdump/digests")))
        first = self.system_calls()
        self.assertIn("already loaded", self.good("start").stdout)
        self.assertEqual(self.system_calls(), first)
        self.good("reload")
        self.assertNotEqual(self.system_calls(), first)
        self.good("stop")
        self.assertEqual(ctl_case.read(self.at("sys/kernel/kexec_crash_loaded")).strip(), "0")

    def test_kernel_says_busy(self):
        """The words of kexec, and what is loaded, in one sentence."""
        self.more = {"KEXEC_FAKE_ERRNO": "16"}
        result = self.fails("start", says=["another program is loading a kernel", "no capture kernel is loaded"])
        self.assertEqual(result.stderr.count("kdumpctl: the capture"), 1)

    def test_no_kernel_image(self):
        self.put("boot/vmlinuz-" + self.release, "not a kernel\n")
        self.fails("start", says=["was not loaded", "vmlinuz-" + self.release])


def without_sys_boot():
    """Should the fake ever not be in place, the kernel of this machine refuses."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT, 0, 0, 0)


if __name__ == "__main__":
    without_sys_boot()
    KEXEC, FAKE = (os.path.abspath(sys.argv.pop(2)) for _ in range(2))
    ctl_case.main()
