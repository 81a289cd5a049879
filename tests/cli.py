#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole `kexec` command against a made-up machine, with the system call replaced (tests/fakes/kexec_fake.c).

    tests/cli.py KEXEC FAKE.so
"""
import ctypes
import errno
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, TESTS)
import images  # noqa: E402

KEXEC = FAKE = None
LIBC = ctypes.CDLL(None, use_errno=True)
PR_CAPBSET_DROP, CAP_SYS_BOOT = 24, 22


def without_sys_boot():
    """Should the fake ever not be in place, the kernel of this machine refuses."""
    LIBC.prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT, 0, 0, 0)


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Machine(unittest.TestCase):
    """A fresh x86_64 machine with 256 MiB reserved, a kernel and an initrd."""
    crash = "256M"
    arch = "x86_64"

    def setUp(self):
        self.tmp = tempfile.mkdtemp()
        self.root = os.path.join(self.tmp, "root")
        subprocess.run(["/usr/bin/python3", os.path.join(TESTS, "root/make-synthetic"), "--arch", self.arch, "--cpus", "4", "--ranges", "6",
                        "--crash", self.crash, self.root], check=True)
        write(self.root, "proc/self/status", "Name:\tkexec\nCapEff:\t000001ffffffffff\n")
        write(self.root, "proc/sys/kernel/kexec_load_disabled", "0\n")
        write(self.root, "proc/meminfo", "MemTotal:        8000000 kB\n")
        write(self.root, "sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
        write(self.root, "sys/kernel/kexec_crash_loaded", "0\n")
        write(self.root, "sys/kernel/kexec_loaded", "0\n")
        self.kernel = os.path.join(self.tmp, "vmlinuz")
        self.initrd = os.path.join(self.tmp, "initrd")
        write(self.tmp, "vmlinuz", images.for_arch(self.arch))
        write(self.tmp, "initrd", images.payload_bytes(2 << 20))
        self.log = os.path.join(self.tmp, "log")
        os.makedirs(os.path.join(self.tmp, "dump"))

    def tearDown(self):
        shutil.rmtree(self.tmp)

    def kexec(self, *arguments, **fake):
        env = dict(os.environ, LD_PRELOAD=FAKE, KEXEC_FAKE_ROOT=self.root, KEXEC_FAKE_LOG=self.log,
                   KEXEC_FAKE_DUMP=os.path.join(self.tmp, "dump"))
        env.update({"KEXEC_FAKE_" + key.upper(): str(value) for key, value in fake.items()})
        return subprocess.run([KEXEC, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=60, preexec_fn=without_sys_boot)

    def load(self, *arguments, **fake):
        return self.kexec("-p", self.kernel, "--initrd", self.initrd, "--append", "irqpoll", *arguments, **fake)

    def calls(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log) as f:
            return [line.split() for line in f]

    def fails(self, run, *texts, status=1):
        self.assertEqual(run.returncode, status, run.stderr)
        self.assertEqual(run.stdout, "")
        for text in texts:
            self.assertIn(text, run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)


@unittest.skipUnless(os.uname().machine == "x86_64", "loads for the machine it runs on")
class Load(Machine):
    def test_loads(self):
        run = self.load()
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stderr, "")
        load, *segments = self.calls()
        self.assertEqual(load[0], "load")
        self.assertEqual(int(load[2], 16), 1 | 62 << 16)
        self.assertGreaterEqual(len(segments), 5)
        entry = int(load[1], 16)
        self.assertTrue(any(int(s[1], 16) <= entry < int(s[1], 16) + int(s[3], 16) for s in segments))

    def test_kernel_and_initrd_are_handed_over_byte_for_byte(self):
        self.assertEqual(self.load().returncode, 0)
        dumps = [read(os.path.join(self.tmp, "dump", name)) for name in os.listdir(os.path.join(self.tmp, "dump"))]
        self.assertIn(read(self.initrd), dumps)
        self.assertIn(read(self.kernel)[5 * 512:], dumps)

    def core_header_machine(self, *arguments):
        """Class and machine of the core headers that were handed to the kernel."""
        dump = os.path.join(self.tmp, "dump")
        shutil.rmtree(dump)
        os.makedirs(dump)
        run = self.load(*arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        headers = [data for data in (read(os.path.join(dump, name)) for name in os.listdir(dump)) if data.startswith(b"\x7fELF")]
        self.assertEqual(len(headers), 1)
        return headers[0][4], struct.unpack_from("<H", headers[0], 18)[0]

    def test_core_headers_suit_the_capture_kernel(self):
        """A 32-bit kernel takes ELF32 headers of its own machine only."""
        self.root = os.path.join(self.tmp, "small")
        shutil.copytree(os.path.join(TESTS, "root/x86_64-bios"), self.root)
        write(self.root, "proc/self/status", "CapEff:\t000001ffffffffff\n")
        self.assertEqual(self.core_header_machine(), (2, 62))
        self.assertEqual(self.core_header_machine("--elf32-core-headers"), (1, 62))
        write(self.tmp, "vmlinuz", images.bzimage(xloadflags=0))
        self.assertEqual(self.core_header_machine(), (2, 62))
        self.assertEqual(self.core_header_machine("--elf32-core-headers"), (1, 3))

    def test_each_errno_becomes_a_sentence(self):
        for name, text in [("EBUSY", "another program is loading"), ("EPERM", "security module"), ("EACCES", "security module"),
                           ("EADDRNOTAVAIL", "reservation has changed"), ("EINVAL", "invalid"), ("ENOMEM", "larger crashkernel="),
                           ("ENOSYS", "CONFIG_KEXEC"), ("EFAULT", "could not read a segment"), ("EIO", "Input/output error")]:
            with self.subTest(name):
                self.fails(self.load(errno=getattr(errno, name)), "kexec_load failed (" + name, text, "no capture kernel is loaded now")

    def test_error_says_that_the_earlier_image_stays(self):
        write(self.root, "sys/kernel/kexec_crash_loaded", "1\n")
        self.fails(self.load(errno=errno.EINVAL), "loaded before stays loaded")

    def test_cause_is_told_though_the_state_is_unknown(self):
        os.unlink(os.path.join(self.root, "sys/kernel/kexec_crash_loaded"))
        shutil.rmtree(os.path.join(self.root, "sys/kernel/kexec"), ignore_errors=True)
        self.fails(self.load(errno=errno.EINVAL), "EINVAL; whether a capture kernel is still loaded cannot be told", "layout for invalid")

    def test_debug_shows_each_system_call(self):
        for arguments in (["-p", self.kernel, "-d"], ["-p", "-u", "-d"]):
            run = self.kexec(*arguments)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("kexec_load: entry ", run.stderr)

    def test_limits_that_leave_no_room_are_named(self):
        start = [int(line.split("-")[0], 16) for line in read(os.path.join(self.root, "proc/iomem")).decode().splitlines() if "Crash kernel" in line][-1]
        for limit in ["--mem-min=2048G", "--mem-max=1M", "--mem-max=%#x" % (start + (1 << 20)), "--mem-min=%#x" % (start + (255 << 20))]:
            run = self.load(limit)
            self.fails(run, "--mem-min and --mem-max do not leave enough", "no room for the kernel")
            self.assertNotIn("0xffffffffffffffff", run.stderr)
        self.assertEqual(self.calls(), [])
        limits = start + (16 << 20), start + (200 << 20) - 1
        self.assertEqual(self.load("--mem-min=%#x" % limits[0], "--mem-max=%#x" % limits[1]).returncode, 0)
        for _, at, size, *_ in self.calls()[1:]:
            self.assertGreaterEqual(int(at, 16), limits[0])
            self.assertLessEqual(int(at, 16) + int(size, 16) - 1, limits[1])

    def test_busy_is_tried_again(self):
        run = self.load(errno=errno.EBUSY, times=3)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(len([c for c in self.calls() if c[0] == "load"]), 4)

    def test_refusals_known_beforehand_never_reach_the_kernel(self):
        cases = [("proc/self/status", "CapEff:\t0000000000000000\n", "CAP_SYS_BOOT"),
                 ("proc/sys/kernel/kexec_load_disabled", "1\n", "kexec_load_disabled is 1"),
                 ("sys/kernel/security/lockdown", "none [integrity] confidentiality\n", "locked down"),
                 ("sys/kernel/kexec_crash_size", "0\n", "add crashkernel=256M"),
                 ("proc/meminfo", "MemTotal: 8000 kB\n", "at most half"),
                 ("proc/iomem", "00000000-00000000 : System RAM\n", "hides the addresses")]
        for path, text, sentence in cases:
            with self.subTest(path):
                old = read(os.path.join(self.root, path))
                write(self.root, path, text)
                self.fails(self.load(), sentence)
                write(self.root, path, old)
        self.assertEqual(self.calls(), [])
        self.assertEqual(self.load().returncode, 0)

    def test_no_crash_region(self):
        path = os.path.join(self.root, "proc/iomem")
        lines = [line for line in read(path).decode().splitlines(True) if "Crash kernel" not in line]
        write(self.root, "proc/iomem", "".join(lines))
        self.fails(self.load(), "crashkernel=")

    def test_truncated_files(self):
        whole = read(self.kernel)
        for length in [0, 1, 0x1f0, 0x1f1, 0x200, 0x202, 0x206, 0x250, 0x268, 5 * 512, 5 * 512 + 1, len(whole) // 2, len(whole) - 1]:
            with self.subTest(length):
                write(self.tmp, "vmlinuz", whole[:length])
                self.fails(self.load(), "vmlinuz")
        write(self.tmp, "vmlinuz", whole)
        write(self.tmp, "initrd", b"")
        self.fails(self.load(), "initrd")
        self.assertEqual(self.calls(), [])

    def test_missing_files(self):
        self.fails(self.kexec("-p", "/nonexistent/kernel"), "/nonexistent/kernel", "No such file")
        self.fails(self.load("--initrd", self.initrd, "-t", "vmlinux"), "vmlinux")
        self.fails(self.kexec("-p", self.kernel, "--initrd", self.tmp), "directory")

    def test_command_line_too_long(self):
        self.fails(self.load("--append", "x" * 3000), "command line")
        self.assertEqual(self.calls(), [])

    def test_reused_command_line_loses_whole_words_only(self):
        write(self.root, "proc/cmdline", 'BOOT_IMAGE=/vmlinuz root=/dev/vda crashkernel=256M xcrashkernel=1 crashkernel=72M,low foo="a b" quiet\n')
        run = self.load("--reuse-cmdline", "--dry-run")
        self.assertEqual(run.returncode, 0, run.stderr)
        line = [l for l in run.stdout.splitlines() if l.startswith("Command line: ")][0]
        self.assertIn(' root=/dev/vda xcrashkernel=1 foo="a b" quiet irqpoll', line)
        self.assertNotIn("BOOT_IMAGE", line)
        self.assertNotIn(" crashkernel=", line)

    def test_no_checks(self):
        self.assertEqual(self.load("-i").returncode, 0)
        self.assertIn("not compared", self.load("-i", "--dry-run").stdout)
        self.assertNotIn("not compared", self.load("--dry-run").stdout)

    def test_hotplug_needs_a_kernel_that_has_it(self):
        for path in ["sys/kernel/crash_elfcorehdr_size", "sys/kernel/kexec/crash_elfcorehdr_size"]:
            if os.path.exists(os.path.join(self.root, path)):
                os.unlink(os.path.join(self.root, path))
        self.fails(self.load("--hotplug"), "--hotplug")
        write(self.root, "sys/kernel/crash_elfcorehdr_size", "460800\n")
        run = self.load("--hotplug")
        self.assertEqual(run.returncode, 0, run.stderr)
        calls = self.calls()
        self.assertEqual(int(calls[0][2], 16), 1 | 4 | 62 << 16)
        self.assertIn(460800 + 4095 & ~4095, [int(c[2], 16) for c in calls[1:]])

    def test_unload(self):
        self.assertEqual(self.kexec("-p", "-u").returncode, 0)
        self.assertEqual(self.calls(), [["load", "0", "%x" % (1 | 62 << 16)]])
        os.unlink(self.log)
        self.assertEqual(self.kexec("-u").returncode, 0)
        self.assertEqual(self.calls(), [["load", "0", "%x" % (62 << 16)]])
        self.fails(self.kexec("-p", "-u", errno=errno.EBUSY), "cannot unload")


@unittest.skipUnless(os.uname().machine == "x86_64", "loads for the machine it runs on")
class SmallReservation(Machine):
    crash = "4M"

    def test_needed_number_is_told(self):
        self.fails(self.load(), "of 4 MiB is too small", "the files alone take")
        self.assertEqual(self.calls(), [])


class Questions(Machine):
    def test_status(self):
        self.assertEqual(self.kexec("-S").returncode, 0)
        write(self.root, "sys/kernel/kexec_crash_loaded", "1\n")
        self.assertEqual(self.kexec("-S").returncode, 1)
        self.assertEqual(self.kexec("-S", "-p").returncode, 1)
        self.assertEqual(self.kexec("-S", "-l").returncode, 0)
        write(self.root, "sys/kernel/kexec/crash_loaded", "0\n")
        self.assertEqual(self.kexec("-S").returncode, 0)
        shutil.rmtree(os.path.join(self.root, "sys/kernel/kexec"))
        os.unlink(os.path.join(self.root, "sys/kernel/kexec_crash_loaded"))
        self.assertEqual(self.kexec("-S").returncode, 255)
        self.assertEqual(self.kexec("-S", "--sysroot", "/nonexistent").returncode, 255)

    def test_crashkernel_size(self):
        run = self.kexec("--print-ckr-size", "--arch", self.arch)
        self.assertEqual((run.returncode, run.stdout), (0, "%d\n" % (256 << 20)))

    def test_ranges(self):
        run = self.kexec("--print-ranges", "--arch", self.arch)
        self.assertEqual(run.returncode, 0, run.stderr)
        for text in ["RAM: ", "Crash kernel regions: 1", "CPU notes: 4", "vmcoreinfo: 0x", "Dumped: "]:
            self.assertIn(text, run.stdout)

    def test_version_and_help(self):
        run = self.kexec("--version")
        self.assertEqual(run.returncode, 0)
        self.assertIn("unpacks:", run.stdout)
        self.assertIn("--print-ranges", self.kexec("--help").stdout)

    def test_usage_errors_exit_with_2(self):
        self.fails(self.kexec("--frobnicate"), "unknown", status=2)
        self.fails(self.kexec(), "nothing to do", status=2)
        self.fails(self.kexec("-e"), "not supported", status=2)

    def test_full_output_device_is_an_error(self):
        with open("/dev/full", "w") as full:
            run = subprocess.run([KEXEC, "--version"], stdout=full, stderr=subprocess.PIPE, universal_newlines=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("standard output", run.stderr)


if __name__ == "__main__":
    KEXEC, FAKE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    ctypes.CDLL(FAKE)      # without it these tests would ask the kernel of this machine: stop here
    result = unittest.main(argv=[sys.argv[0]], exit=False, verbosity=1).result
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - len(result.skipped) - bad, bad))
    sys.exit(1 if bad else 0)
