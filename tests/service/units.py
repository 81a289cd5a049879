#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The service's units and its udev rule: what systemd says of them, and which events the rule answers. And the script
that has Debian's name of kdumpctl.

    tests/service/units.py KDUMPCTL [TEST]...
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import ctl_case

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# What "systemd-analyze security" may say at most, in tenths: 0 is a locked box, 100 is root with everything.
EXPOSURE = {"kdump": 50, "kdump-early": 30, "kdump-reload": 30, "kdump-verify": 50}
# In every unit that runs on the living machine; why others are missing stands in the units.
EVERYWHERE = {"LockPersonality": "yes", "MemoryDenyWriteExecute": "yes", "NoNewPrivileges": "yes",
              "ProtectControlGroups": "yes",
              "ProtectHostname": "yes", "RestrictRealtime": "yes", "SystemCallArchitectures": "native", "UMask": "0077"}
# kexec needs them: to load; for addresses in /proc/iomem; to read /proc/kcore; for /proc/kallsyms.
NEEDED = ["CAP_SYS_BOOT", "CAP_SYS_ADMIN", "CAP_SYS_RAWIO", "CAP_SYSLOG"]
# They would hide /proc/kcore, /proc/kallsyms, /sys below kernel/, or the modules.
FORBIDDEN = ["ProtectKernelTunables", "ProtectKernelLogs", "ProtectKernelModules", "PrivateDevices"]


def settings(text):
    return [tuple(line.split("=", 1)) for line in text.splitlines() if re.match(r"[A-Z]\w*=", line)]


class Units(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.mkdtemp(prefix="units-")
        self.addCleanup(shutil.rmtree, self.tmp)
        self.texts = {}
        for path in glob.glob(os.path.join(TOP, "service/systemd/*.in")):
            name = os.path.basename(path)[:-3]
            text = ctl_case.read(path).replace("@sbindir@", os.path.dirname(ctl_case.KDUMPCTL))
            self.texts[name] = text.replace("@libdir@", os.path.dirname(ctl_case.KDUMPCTL))
            self.assertNotRegex(self.texts[name], "@[a-z]+dir@")
            ctl_case.write(os.path.join(self.tmp, name), self.texts[name])

    def analyze(self, *arguments):
        return subprocess.run(["systemd-analyze", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, timeout=120)

    def test_verify(self):
        """No unknown setting, no program that is not there, no circle."""
        self.assertEqual(len(self.texts), 7)
        result = self.analyze("verify", "--man=no", *[os.path.join(self.tmp, name) for name in self.texts])
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_security(self):
        for name, limit in EXPOSURE.items():
            unit = os.path.join(self.tmp, name + ".service")
            result = self.analyze("security", "--offline=yes", "--threshold=%d" % limit, unit)
            self.assertEqual(result.returncode, 0, result.stdout[-200:])

    def test_hardening(self):
        for name in EXPOSURE:
            found = dict(settings(self.texts[name + ".service"]))
            self.assertEqual({key: found.get(key) for key in EVERYWHERE}, EVERYWHERE, name)
            for capability in NEEDED:
                self.assertIn(capability, found["CapabilityBoundingSet"].split())
            self.assertFalse(set(FORBIDDEN) & set(found), name)
            self.assertIn(found["ProtectSystem"], ("full", "strict"))

    def test_conditions(self):
        """Nothing starts on a machine that reserves nothing; the capture side only in a capture kernel."""
        for name, text in self.texts.items():
            if name != "kdump-capture.service":
                self.assertIn(("ConditionKernelCommandLine", "crashkernel"), settings(text), name)
        self.assertIn(("ConditionPathExists", "/proc/vmcore"), settings(self.texts["kdump-capture.service"]))

    def test_names_have_addresses(self):
        """Building asks for those of servers; behind a target that nobody starts there is no order."""
        found = dict(settings(self.texts["kdump.service"]))
        for setting in ("After", "Wants"):
            self.assertIn("network-online.target", found[setting].split())

    def test_nothing_stops_following(self):
        """A start limit would end the path unit for good; a unit that the preset forgets would stay off."""
        self.assertIn(("StartLimitIntervalSec", "0"), settings(self.texts["kdump-reload.service"]))
        preset = ctl_case.read(os.path.join(TOP, "service/systemd/90-parachute.preset"))
        enabled = {line.split()[1] for line in preset.splitlines() if line.startswith("enable ")}
        self.assertEqual(enabled, {name for name, text in self.texts.items() if "[Install]" in text})

    def test_runs(self):
        """Each command that units and rule run is one that kdumpctl has."""
        commands = re.findall(r"/kdumpctl ([a-z-]+)", "".join(self.texts.values()) + Rule.text())
        self.assertEqual(set(commands), {"start", "stop", "reload", "verify", "hotplug-reload", "hotplug-event"})
        for command in commands:
            subprocess.run([ctl_case.KDUMPCTL, command, "--help"], check=True, stdout=subprocess.DEVNULL)


class Rule(unittest.TestCase):
    @staticmethod
    def text():
        return ctl_case.read(os.path.join(TOP, "service/udev/98-kexec.rules.in"))

    def answers(self, **device):
        """What udev(7) would run."""
        target, ran = None, []
        for line in self.text().splitlines():
            if not line or line.startswith("#"):
                continue
            pairs = re.findall(r'([A-Z]+)(?:\{(\w+)\})?(==|!=|\+=|=)"([^"]*)"', line)
            whole = ['%s%s%s"%s"' % (key, "{%s}" % sub if sub else "", op, value) for key, sub, op, value in pairs]
            self.assertEqual(", ".join(whole), line)
            matches = all(self.matches(device, *pair) for pair in pairs if pair[2] in ("==", "!="))
            actions = {key: value for key, _, op, value in pairs if op in ("=", "+=")}
            if target:
                target = None if actions.get("LABEL") == target else target
            elif matches and "GOTO" in actions:
                target = actions["GOTO"]
            elif matches and "RUN" in actions:
                ran.append(actions["RUN"])
        self.assertIsNone(target)
        return len(ran)

    @staticmethod
    def matches(device, key, sub, operator, value):
        if key == "TEST":
            found = value in device["files"]
        else:
            found = device.get(sub or key.lower()) in value.split("|")
        return found == (operator == "==")

    def test_answers(self):
        there = ["/run/kdump"]
        for subsystem in ("cpu", "memory"):
            for action in ("add", "remove", "online", "offline"):
                event = {"subsystem": subsystem, "action": action}
                self.assertEqual(self.answers(files=there, **event), 1)
                self.assertEqual(self.answers(files=there, crash_hotplug="0", **event), 1)
                self.assertEqual(self.answers(files=there, crash_hotplug="1", **event), 0)
                self.assertEqual(self.answers(files=[], **event), 0)
            self.assertEqual(self.answers(files=there, subsystem=subsystem, action="change"), 0)
        self.assertEqual(self.answers(files=there, subsystem="block", action="add"), 0)


class DebiansName(unittest.TestCase):
    COMMANDS = {"show": "status", "status": "status", "load": "start", "unload": "stop", "reload": "reload",
                "test": "test", "propagate": "propagate"}

    def setUp(self):
        self.tmp = tempfile.mkdtemp(prefix="kdump config-")
        self.addCleanup(shutil.rmtree, self.tmp)
        shutil.copy(os.path.join(TOP, "service/kdump-config"), self.tmp)
        self.stub = os.path.join(self.tmp, "kdumpctl")
        ctl_case.write(self.stub, "#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 3\n")
        os.chmod(self.stub, 0o755)

    def run_it(self, *arguments):
        result = subprocess.run([os.path.join(self.tmp, "kdump-config"), *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, check=False)
        return result.returncode, result.stdout, result.stderr

    def test_commands(self):
        """Arguments and the exit status go through, and kdumpctl has the commands."""
        for theirs, ours in self.COMMANDS.items():
            self.assertEqual(self.run_it(theirs), (3, "<%s>" % ours, ""))
            self.assertEqual(self.run_it(theirs, "--x", "a b"), (3, "<%s><--x><a b>" % ours, ""))
            subprocess.run([ctl_case.KDUMPCTL, ours, "--help"], check=True, stdout=subprocess.DEVNULL)

    def test_others(self):
        for arguments in ((), ("savecore",), ("",), ("--help",), ("-x",)):
            status, out, err = self.run_it(*arguments)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("usage: kdump-config ", err)
            for command in self.COMMANDS:
                self.assertIn(command, err)
        status, out, err = self.run_it("help")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("usage: kdump-config ", out)


if __name__ == "__main__":
    ctl_case.main()
