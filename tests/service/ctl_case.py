# SPDX-License-Identifier: GPL-2.0-or-later
"""Made-up systems for kdumpctl. kexec, kdump and systemctl are programs that note what they are asked, and can fail."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

KDUMPCTL = None

# Each fake notes its arguments, then does what files beside it say: NAME.sleep, NAME.fail (a status), NAME.says,
# NAME.before (a command).
FAKE = r"""#!/bin/sh
fakes=${0%/*}; name=${0##*/}
{ printf '%s' "$name"; printf '\037%s' "$@"; echo; } >>"$fakes/log"
verb=
for a in "$@"; do
	case $a in
	-p|-u|--verify|mkinitramfs|fetch|--prepare|--stale|--check|-f|--probe|is-system-running|list-jobs) verb=$verb$a ;;
	esac
done
[ ! -f "$fakes/$name$verb.before" ] || sh "$fakes/$name$verb.before"
[ ! -f "$fakes/$name$verb.sleep" ] || sleep "$(cat "$fakes/$name$verb.sleep")"
[ ! -f "$fakes/$name$verb.says" ] || cat "$fakes/$name$verb.says"
if [ -f "$fakes/$name$verb.fail" ]; then
	status=$(cat "$fakes/$name$verb.fail")
	left=$(cat "$fakes/$name$verb.times" 2>/dev/null)
	[ -z "$left" ] || echo $((left - 1)) >"$fakes/$name$verb.times"
	[ "$left" = 1 ] && rm "$fakes/$name$verb.fail" "$fakes/$name$verb.times"
	exit "$status"
fi
case $name$verb in
kexec-p)
	{ cat "$SYSROOT/sys/devices/system/cpu/present"; } >"$fakes/loaded.writing"
	mv "$fakes/loaded.writing" "$fakes/loaded"
	echo 1 >"$SYSROOT/sys/kernel/kexec_crash_loaded" ;;
kexec-p-u)
	rm -f "$fakes/loaded"
	echo 0 >"$SYSROOT/sys/kernel/kexec_crash_loaded" ;;
kdumpmkinitramfs-f)
	for out; do :; done
	cat "$fakes/initramfs" >"$out" ;;
esac
exit 0
"""
IOMEM = """00000000-00000fff : Reserved
00001000-0009fbff : System RAM
00100000-%08x : System RAM
  30000000-3fffffff : Crash kernel
fd000000-fdffffff : PCI Bus 0000:00
"""


def archive_member(name, content):
    """Of a newc archive."""
    fields = [1, 0o100755, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
    head = "070701" + "".join("%08X" % field for field in fields) + name + "\0"
    return head + "\0" * (-len(head) % 4) + content + "\0" * (-len(content) % 4)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class System(unittest.TestCase):
    """A machine with 256 MiB reserved, a kernel, a configuration, and nothing loaded."""
    release = "6.1.0-test"

    def setUp(self):
        self.tmp = tempfile.mkdtemp(prefix="kdumpctl-")
        self.addCleanup(shutil.rmtree, self.tmp)
        self.root = os.path.join(self.tmp, "root")
        self.fakes = os.path.join(self.tmp, "fakes")
        for name in ("kexec", "kdump", "systemctl"):
            write(os.path.join(self.fakes, name), FAKE)
            os.chmod(os.path.join(self.fakes, name), 0o755)
        self.fake("initramfs", archive_member("init", "program") + archive_member("TRAILER!!!", ""))
        self.put("proc/sys/kernel/osrelease", self.release + "\n")
        self.put("proc/sys/kernel/arch", "x86_64\n")
        self.put("proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz root=/dev/vda1 ro quiet console=ttyS0 crashkernel=256M "
                 "hugepages=64\n")
        self.put("proc/cpuinfo", "processor\t: 0\ninitial apicid\t: 7\n\nprocessor\t: 1\ninitial apicid\t: 9\n")
        self.put("proc/sysrq-trigger", "")
        self.put("proc/self/mountinfo",
                 "1 0 254:1 / / rw - ext4 /dev/vda1 rw\n2 1 254:2 / /data rw - xfs /dev/vdb1 rw\n")
        self.machine("0-3", 0x7fffffff)
        self.put("sys/kernel/kexec_crash_size", "%d\n" % (256 << 20))
        self.put("sys/kernel/kexec_crash_loaded", "0\n")
        self.put("boot/vmlinuz-" + self.release, "kernel")
        self.put("etc/kdump.conf", "path /var/crash\n")

    def machine(self, cpus, ram_last):
        self.put("sys/devices/system/cpu/present", cpus + "\n")
        self.put("proc/iomem", IOMEM % ram_last)

    def at(self, path):
        return os.path.join(self.root, path)

    def put(self, path, text):
        write(self.at(path), text)

    def fake(self, what, text):
        write(os.path.join(self.fakes, what), str(text))

    def unfake(self, what):
        os.unlink(os.path.join(self.fakes, what))

    def environment(self):
        return dict(os.environ, PATH=self.fakes + ":" + os.environ["PATH"], SYSROOT=self.root, TZ="UTC", LC_ALL="C")

    def command(self, *arguments):
        return [KDUMPCTL, "--sysroot", self.root, *map(str, arguments)]

    def run_ctl(self, *arguments, stdin="", timeout=60):
        result = subprocess.run(self.command(*arguments), env=self.environment(), input=stdin, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, universal_newlines=True, timeout=timeout)
        self.assertNotRegex(result.stderr, "Sanitizer|runtime error")
        return result

    def good(self, *arguments, **more):
        result = self.run_ctl(*arguments, **more)
        self.assertEqual(result.returncode, 0, (arguments, result.stdout, result.stderr))
        return result

    def fails(self, *arguments, says=(), **more):
        result = self.run_ctl(*arguments, **more)
        self.assertEqual(result.returncode, 1, (arguments, result.stdout, result.stderr))
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, result.stderr)
        return result

    def calls(self, *words):
        """Argument lists of the programs that were run, those that have all of WORDS."""
        path = os.path.join(self.fakes, "log")
        lines = read(path).splitlines() if os.path.exists(path) else []
        found = [line.split("\037") for line in lines]
        return [call for call in found if all(word in call for word in words)]

    def forget(self):
        if os.path.exists(os.path.join(self.fakes, "log")):
            self.unfake("log")

    def loads(self):
        return [call for call in self.calls("kexec", "-p") if "-u" not in call]

    def record(self, name="loaded"):
        return dict(line.split(" ", 1) for line in read(self.at("run/kdump/" + name)).splitlines() if " " in line)

    def start(self):
        self.good("start")
        self.forget()

    def appended(self):
        return [word for word in self.loads()[-1] if word.startswith("--append=")][0][len("--append="):].split()


def main():
    global KDUMPCTL
    KDUMPCTL = os.path.abspath(sys.argv.pop(1))
    program = unittest.main(exit=False, verbosity=1)
    bad = len(program.result.failures) + len(program.result.errors)
    print("%d passed, %d failed" % (program.result.testsRun - bad, bad))
    sys.exit(bad > 0)
