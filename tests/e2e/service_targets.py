# SPDX-License-Identifier: GPL-2.0-or-later
"""
Dumps that leave the machine: a guest whose network ends at this machine's loopback crashes, and the dump is at the
server. Then everything that targets do wrong, in one crash, and what follows when none is left.
"""
import base64
import contextlib
import functools
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time

import service_case
from debian import DebianGuest, machine
from qemu import Lost
from target_servers import ADDRESS, Servers, forward

DEAD = "10.0.2.101"  # an address with somebody who listens and never answers
FOLDER = re.compile(r"^10\.0\.2\.15-\d{4}-\d{2}-\d{2}-\d{2}:\d{2}:\d{2}$")
PORTS = {"ssh": 22, "https": 443, "s3": 443, "nfs": 2049}
DEADLINE_S = 600


@contextlib.contextmanager
def served(*kinds):
    folder = tempfile.mkdtemp(prefix="parachute-targets-")
    os.chmod(folder, 0o755)
    try:
        with Servers(folder, *kinds) as servers:
            yield servers
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(guest, path, text, mode="644"):
    coded = base64.b64encode(text.encode()).decode()  # a command is one line
    guest.output(f"mkdir -p $(dirname {path}) && echo {coded} | base64 -d > {path} && chmod {mode} {path}")


def give(guest, path, name, mode="600"):
    """A file of this machine."""
    with open(name, encoding="ascii") as file:
        write(guest, path, file.read(), mode)


def configure(context, guest, lines, name="targets"):
    """A new kdump.conf, put into effect."""
    write(guest, "/etc/kdump.conf", "".join(f"{line}\n" for line in lines))
    status, output = guest.run("kdumpctl check-config && systemctl restart kdump.service", 300)
    if status:
        output += guest.run("journalctl -b --no-pager -o cat -u kdump.service | tail -n 20", 60)[1]
    with open(f"{context.folder}/{name}.txt", "wb") as file:
        file.write(output)
    text = output.decode(errors="replace")
    if not context.results.check("the service starts with the targets", status == 0, text[-900:]):
        raise Lost("without its targets there is nothing to see")


def rehearse(context, guest, expected=0):
    status, output = guest.run("kdumpctl test", 300)
    text = output.decode(errors="replace")
    with open(f"{context.folder}/test.txt", "w", encoding="utf-8") as file:
        file.write(text)
    context.results.check(f"kdumpctl test ends with {expected}", status == expected, text[-1500:])
    return text


def set_up_ssh(context, guest, facts):
    """As an administrator does it: with a key that is let in already, and the host key's fingerprint read elsewhere."""
    give(guest, "/root/admin", facts["key"])
    keygen = ["ssh-keygen", "-lf", "-"]
    shown = subprocess.run(keygen, input=facts["host"], capture_output=True, text=True, check=True).stdout
    fingerprint = shown.split()[1]
    status, output = guest.run(f"kdumpctl propagate --fingerprint={fingerprint} --identity=/root/admin", 120)
    context.results.check("kdumpctl propagate lets our key in", status == 0, output.decode(errors="replace")[-600:])


class Watch:
    """What is in a folder of a server when the dump begins to arrive there: the log and the note have to be."""

    def __init__(self, folder, act=lambda: None, size=0):
        self.folder, self.act, self.size, self.first, self.over = folder, act, size, None, False
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.over and self.first is None:
            for base, _, names in os.walk(self.folder):
                dumps = [name for name in names if name.startswith("vmcore") and not name.startswith("vmcore-dmesg")]
                with contextlib.suppress(OSError):
                    if dumps and os.path.getsize(f"{base}/{dumps[0]}") >= self.size:
                        self.first = sorted(names)
                        self.act()
                        return
            time.sleep(0.05)

    def check(self, context):
        self.over = True
        self.thread.join()
        first = self.first or []
        good = {"README.txt", "vmcore-dmesg.txt"} <= set(first)
        context.results.check("log and note are there before the dump is", good, first)


def folder_of(context, parent):
    """The one dump folder that has come."""
    names = sorted(os.listdir(parent)) if os.path.isdir(parent) else []
    good = len(names) == 1 and FOLDER.match(names[0])
    context.results.check("one dump has come, named by the address of the machine", bool(good), names)
    return f"{parent}/{names[0]}" if names else parent


def crash(context, guest):
    """Nothing of it lands on the guest's own disk."""
    names = service_case.crash_and_return(context, guest, seconds=DEADLINE_S)
    context.results.check("nothing is on the machine's own disk", not names, names)


def klog_of(folder):
    try:
        with open(f"{folder}/kexec-dmesg.log", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


@contextlib.contextmanager
def guest_of(context, *network, files=None, more=()):
    source = service_case.installed(context)
    with DebianGuest(machine(), context.folder, files, network=network, more=more, source=source) as guest:
        context.release = service_case.start(context, guest)
        yield guest
    service_case.finish(context, guest)


def judge(context, folder):
    copy = f"{context.folder}/dump"
    shutil.copytree(folder, copy)
    service_case.check_dump(context, copy, "sysrq triggered crash", context.release)
    return copy


def ssh(context, gone=False):
    """A dump over sftp. GONE: the server breaks all connections in the middle, and is back a while later."""
    with served("ssh") as servers, guest_of(context, forward(22, servers.facts["ssh"]["port"])) as guest:
        facts = servers.facts["ssh"]
        path = f"{facts['served']}/crash"
        lines = [f"ssh {facts['user']}@{ADDRESS}", f"path {path}", "deadline 10m"]
        write(guest, "/etc/kdump.conf", "".join(f"{line}\n" for line in lines))
        set_up_ssh(context, guest, facts)
        configure(context, guest, lines)
        rehearse(context, guest)

        def go_away():
            servers.ask("stop")
            time.sleep(15)
            servers.ask("start")

        watch = Watch(path, *([go_away, 4 << 20] if gone else []))
        crash(context, guest)
        watch.check(context)
        copy = judge(context, folder_of(context, path))
        if gone:
            log = klog_of(copy)
            context.results.check("the capture kernel has connected again", "connecting again" in log, log[-600:])
        service_case.power_off(guest)


def nfs(context):
    with served("nfs") as servers, guest_of(context, forward(2049, servers.facts["nfs"]["port"])) as guest:
        data = servers.facts["nfs"]["data"]
        configure(context, guest, [f"nfs {ADDRESS}:/crash", "path /var/crash", "deadline 10m"])
        rehearse(context, guest)
        watch = Watch(f"{data}/var/crash")
        crash(context, guest)
        watch.check(context)
        judge(context, folder_of(context, f"{data}/var/crash"))
        service_case.power_off(guest)


def laid_out(context, folder):
    """A stream becomes a dump, by the program in the package: the reader here knows no streams."""
    program, stream = "usr/lib/parachute/kdump", f"{folder}/vmcore.flat"
    archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", service_case.package()], capture_output=True, check=True)
    subprocess.run(["tar", "x", "-C", context.folder, f"./{program}"], input=archive.stdout, check=True)
    if context.results.check("the dump is a stream", os.path.exists(stream), os.listdir(folder)):
        command = [f"{context.folder}/{program}", "reassemble", "-q", stream, f"{folder}/vmcore"]
        subprocess.run(command, check=True)


def https(context):
    with served("https") as servers, guest_of(context, forward(443, servers.facts["https"]["port"])) as guest:
        data = servers.facts["https"]["data"]
        give(guest, "/root/ca.pem", servers.facts["ca"])
        configure(context, guest, [f"https https://{ADDRESS}/crash", "https_ca /root/ca.pem", "deadline 10m"])
        rehearse(context, guest)
        watch = Watch(f"{data}/crash")
        crash(context, guest)
        watch.check(context)
        folder = folder_of(context, f"{data}/crash")
        laid_out(context, folder)
        judge(context, folder)
        service_case.power_off(guest)


def s3_lines(guest, facts):
    give(guest, "/root/ca.pem", facts["ca"])
    write(guest, "/root/s3", f"{facts['s3']['key']}\n{facts['s3']['secret']}\n", "600")
    store = f"s3_endpoint https://{ADDRESS}:9000"
    return ["s3 s3://crashes/machines", store, "s3_credentials /root/s3", "https_ca /root/ca.pem"]


def s3(context):
    with served("s3") as servers, guest_of(context, forward(9000, servers.facts["s3"]["port"])) as guest:
        configure(context, guest, s3_lines(guest, servers.facts) + ["deadline 10m"])
        rehearse(context, guest)
        before = len(servers.ask("seen"))
        crash(context, guest)
        put = [path.split("?")[0] for method, path in servers.ask("seen")[before:] if method == "PUT"]
        sent = [path.rsplit("/", 1)[-1] for path in put]
        names = [name for name in dict.fromkeys(sent) if name in ("README.txt", "vmcore-dmesg.txt", "vmcore")]
        good = names[-1:] == ["vmcore"] and len(names) == 3
        context.results.check("log and note are sent before the dump is", good, sent)
        folder = folder_of(context, f"{servers.facts['s3']['data']}/machines")
        suffix = "._S3rver_object"
        for name in os.listdir(folder):
            if name.endswith(suffix):
                os.rename(f"{folder}/{name}", f"{folder}/{name[:-len(suffix)]}")
            elif "._S3rver" in name:
                os.unlink(f"{folder}/{name}")
        judge(context, folder)
        service_case.power_off(guest)


def small_disk(context, label, filler=0):
    """QEMU's words for a disk that holds an ext4 of 64 MiB with this LABEL, and FILLER bytes in it already."""
    tree, image = f"{context.folder}/{label}", f"{context.folder}/{label}.raw"
    os.makedirs(tree)
    if filler:
        with open(f"{tree}/filler", "wb") as out:
            out.write(b"full" * (filler // 4))
    make = ["/sbin/mke2fs", "-q", "-t", "ext4", "-m", "0", "-L", label, "-d", tree, image, "64M"]
    subprocess.run(make, check=True, stderr=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return f"if=none,id={label},format=raw,cache=unsafe,file={image}"


def chain(context, last):
    """
    Everything that can be wrong with targets, one after the other, in one crash. LAST: the one behind them takes the
    dump; else none does, and the machine does what failure_action says.
    """
    with served("ssh", "https", "s3", "nfs") as servers:
        facts = servers.facts
        ports = {22: facts["ssh"]["port"], 443: facts["https"]["proxy"], 9000: facts["s3"]["port"]}
        ports[2049] = facts["nfs"]["port"]
        network = [forward(2049, "hang", DEAD), *(forward(port, to) for port, to in ports.items())]
        disks = {"full": small_disk(context, "full", 55600 << 10), "locked": small_disk(context, "locked") + ",readonly=on"}
        more = [word for label, words in disks.items()
                for word in ("-drive", words, "-device", f"virtio-blk-pci,drive={label}")]
        with guest_of(context, *network, more=more) as guest:
            broken_chain(context, guest, servers, last)
            service_case.power_off(guest)


def broken_chain(context, guest, servers, last):
    facts, results = servers.facts, context.results
    guest.output(f"echo {ADDRESS} web.example >> /etc/hosts")
    give(guest, "/root/.ssh/kdump_id_rsa", facts["ssh"]["key"])
    write(guest, "/root/.ssh/known_hosts", f"{ADDRESS} {facts['ssh']['other']}", "600")
    # To a name that nobody can look up, from the capture kernel or elsewhere.
    always = {"action": "answer", "times": 99999}
    servers.ask("rule", server="https", status=307, fields={"Location": "https://nowhere.example/"}, **always)
    servers.ask("rule", server="s3", status=500, reason="Internal Server Error", **always)
    lines = [f"nfs {DEAD}:/crash", f"ssh {facts['ssh']['user']}@{ADDRESS}", "https https://web.example/crash"]
    lines += [*s3_lines(guest, facts), "ext4 LABEL=full", "ext4 LABEL=locked"]
    lines += [f"nfs {ADDRESS}:/crash"] if last else ["failure_action reboot"]
    configure(context, guest, lines + ["path /var/crash", f"deadline {DEADLINE_S}"])
    text = rehearse(context, guest, 1)
    broken = (f"{DEAD}:", "dumper@", "web.example", "s3://", "LABEL=full", "LABEL=locked")
    results.check("kdumpctl test names every target that is broken", all(word in text for word in broken), text)
    start = time.monotonic()
    crash(context, guest)
    console = guest.console_text()
    data = f"{facts['nfs']['data']}/var/crash"
    if last:
        log = klog_of(judge(context, folder_of(context, data)))
    else:
        results.check("no dump has come", not os.path.exists(data), data)
        results.check("the capture kernel says that there is none", "no dump was saved" in console, console[-600:])
        log = console
    took = context.timings.get("panic_to_reboot", DEADLINE_S * 2)
    results.check("it took no longer than the deadline", took < DEADLINE_S + 60, context.timings)
    context.timings["panic to login"] = round(time.monotonic() - start, 1)
    said = (f"{re.escape(DEAD)}:/crash: cannot be mounted", "host key", "name is not known|answer in time")
    for number, words in enumerate((*said, "500 Internal Server Error", "is full|No space left",
                                     "is read-only")):
        part = re.split(r"target \d of \d: ", log)[number + 1:number + 2]
        good = bool(part) and bool(re.search(words, part[0]))
        results.check(f"the log names what was wrong with target {number + 1}", good, (part or [log])[0][-900:])


CASES = [
    service_case.Case("service-target-ssh", ssh),
    service_case.Case("service-target-ssh-gone", functools.partial(ssh, gone=True)),
    service_case.Case("service-target-nfs", nfs),
    service_case.Case("service-target-https", https),
    service_case.Case("service-target-s3", s3),
    service_case.Case("service-target-chain", functools.partial(chain, last=True)),
    service_case.Case("service-target-none", functools.partial(chain, last=False)),
]
