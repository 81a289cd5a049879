# SPDX-License-Identifier: GPL-2.0-or-later
"""
The daily check and the rehearsal on a real machine, under their units' hardening; and a dump on a raw disk, which the
next boot makes a folder of.
"""
import json

from debian import DebianGuest, machine
from service_case import FOLDER, Case, check_dump, check_modes, check_service, crash_and_return, dumps_in
from service_case import fetch_dump, finish, installed, power_off, start
from service_builders import second_disk


def state(guest):
    return json.loads(guest.output("kdumpctl status --json || true", 60))


def verify(context, guest, target, good=True):
    """What the timer starts once a day, started now."""
    check = context.results.check
    status, output = guest.run("systemctl start kdump-verify.service", 300)
    text = guest.run("journalctl -b --no-pager -o cat -u kdump-verify.service | tail -n 20")[1].decode(errors="replace")
    check(f"kdump-verify.service {'succeeds' if good else 'fails'}: {target}", (status == 0) is good,
          output.decode(errors="replace") + text)
    found = state(guest)["targets"]
    check(f"status has what it found: {target}",
          [found[0]["name"], found[0]["probed"], found[0].get("ok")] == [target, True, good], found)


def rehearse(context, guest, what, status=0):
    found, output = guest.run("kdumpctl test", 300)
    text = output.decode(errors="replace")
    context.results.check(f"kdumpctl test, {what}: exit status {status}", found == status, text)
    context.results.check(f"kdumpctl test, {what}: every step is told",
                          all(word in text for word in ("configuration", "reservation", "initramfs complete", "size",
                                                        "capture kernel", "target")), text)
    return text


def raw(context):
    check = context.results.check
    with DebianGuest(machine(), context.folder, source=installed(context), more=second_disk(context)) as guest:
        release = start(context, guest)
        verify(context, guest, "/var/crash")
        rehearse(context, guest, "a folder")
        guest.output("echo 'raw /dev/vdb' >>/etc/kdump.conf; systemctl restart kdump.service", 300)
        check_service(context, guest, "with a raw disk")
        found = state(guest)["targets"]
        check("what was found of the old target is not said of the new one", found[0]["probed"] is False, found)
        verify(context, guest, "raw partition /dev/vdb")
        rehearse(context, guest, "a raw disk")
        names = crash_and_return(context, guest, "kdumpctl test --crash --yes")
        check("the boot has fetched one dump", len(names) == 1 and FOLDER.match(names[0]), names)
        check_service(context, guest, "after the crash")
        text = guest.run("journalctl -b --no-pager -o cat -u kdump.service")[1].decode(errors="replace")
        check("the service says so", "/var/crash/" in text, text)
        for name in names:
            check_modes(context, guest, f"/var/crash/{name}")
        guest.output("systemctl restart kdump.service", 300)
        check("it is fetched once", dumps_in(guest) == names, dumps_in(guest))
        # A target that is not there any more is found by the daily check, not by the next crash.
        guest.output("echo 1 >$(readlink -f /sys/block/vdb/device)/../remove")
        verify(context, guest, "raw partition /dev/vdb", good=False)
        rehearse(context, guest, "a disk that is gone", 1)
        power_off(guest)
        for name in names:
            check_dump(context, fetch_dump(context, guest, name), "sysrq triggered crash", release)
    finish(context, guest)


CASES = [Case("service-raw", raw)]
