# SPDX-License-Identifier: GPL-2.0-or-later
"""
How a capture ends when no target took a dump: failure_action, seen from outside the machine. Guests as in
capture_case.py.
"""
import time

import cases
import disk
from capture_case import CAPTURE_SECONDS, MIB, UUID, Capture, Named, capture_image

NOWHERE = "filesystem target0 UUID=00000000-dead-4bad-8bad-000000000000 ext4 - /var/crash"
CONF = ["ext4 UUID=00000000-dead-4bad-8bad-000000000000", "path /var/crash"]
DEADLINE = 45


class Watched(Capture):
    """A capture that does not go down by itself: WATCH(guest, since) is what is done with the guest meanwhile."""

    def __init__(self, *arguments, watch):
        super().__init__(*arguments)
        self.watch = watch

    def end(self, guest, since):
        self.watch(guest, since)


def to_root(context, machine):
    """The only target is not there: what dump_to_rootfs promises."""
    disks = [Named(f"{context.folder}/root", 512 * MIB)]
    image = capture_image(machine, CONF + ["failure_action dump_to_rootfs"],
                          [NOWHERE, f"filesystem root UUID={UUID} ext4 - /var/crash"])
    capture = Capture(context, machine, disks, image).run()
    capture.said("the target is not there", r"kdump: UUID=00000000-dead-[-0-9a-f]+: there is no such device")
    capture.said("the root file system follows", r"kdump: target 2 of 2: ")
    capture.said("the dump was saved", r"kdump: the dump was saved")
    capture.ended_by("guest-reset")
    capture.check_whole(capture.folder_on(disks[0]), "the root file system")


def small_place(context):
    """A file system with room for nothing."""
    return [disk.Disk(f"{context.folder}/small", 4 * MIB)]


SMALL = ["ext4 /dev/vda", "path /var/crash", f"deadline {DEADLINE}"]
SMALL_FACTS = ["filesystem target0 /dev/vda ext4 - /var/crash"]


def halt(context, machine):
    """A machine that halts stays where it is, beyond the deadline, and no watchdog starts it again."""
    def watch(guest, since):
        guest.wait_console("System halted", CAPTURE_SECONDS, since)
        time.sleep(DEADLINE)
        context.results.check("it stays halted", guest.process.poll() is None, guest.console_text(since)[-300:])
        guest.qmp.command("quit")

    image = capture_image(machine, SMALL + ["failure_action halt"], SMALL_FACTS)
    capture = Watched(context, machine, small_place(context), image, watch=watch).run()
    capture.said("no dump", r"kdump: no (complete )?dump was saved")
    capture.said("halt", r"kdump: halt")
    context.results.check("it did not restart", "kdump: reboot" not in capture.console, capture.console[-300:])


def shell(context, machine):
    """
    The shell answers, Ctrl-C ends what it runs, the deadline does not end it; when it ends, the machine does what
    final_action says.
    """
    def ask(guest, since, line, answer):
        guest.console.send(line.encode())
        guest.wait_console(answer, 30, since)

    def watch(guest, since):
        guest.wait_console("kdump: a shell on the console", CAPTURE_SECONDS, since)
        guest.wait_console("# ", 30, guest.console_text(since).find("a shell on the console") + since)
        ask(guest, since, "echo it is $((6 * 7))\n", "it is 42")
        ask(guest, since, "/bin/busybox sleep 1000\n", "sleep 1000")
        time.sleep(2)
        ask(guest, since, "\x03echo the code is $?\n", "the code is 130")
        guest.console.send(f"/bin/busybox sleep {DEADLINE}; echo still $((1 + 1))\n".encode())
        guest.wait_console("still 2", DEADLINE + 60, since)
        guest.console.send(b"exit\n")
        super(Watched, capture).end(guest, since)

    image = capture_image(machine, SMALL + ["shell yes", "failure_action shell", "final_action poweroff"], SMALL_FACTS,
                          shell=True)
    capture = Watched(context, machine, small_place(context), image, watch=watch)
    capture.run()
    capture.said("no dump", r"kdump: no (complete )?dump was saved")
    capture.said("the end", r"kdump: power off")
    capture.ended_by("guest-shutdown")


def all_cases(x86):
    case = cases.Case
    return [
        case("capture-to-root-x86_64", lambda context: to_root(context, x86), True, ("x86_64",)),
        case("capture-halt-x86_64", lambda context: halt(context, x86), True, ("x86_64",)),
        case("capture-shell-x86_64", lambda context: shell(context, x86), True, ("x86_64",)),
    ]
