#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The Debian package: what is in it, and what installing, upgrading, removing and purging it does to a system that lies
in a folder.
deb.py [--long] DEB; --long: built once more elsewhere it is the same, byte for byte. Needs tests/setup/debian-guest.
"""
import argparse
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORK = f"{TOP}/build/package"
ROOT = f"{WORK}/root"
CONF = f"{ROOT}/etc/kdump.conf"
PROGRAMS = ("kexec", "kdump", "kdumpctl", "makedumpfile", "vmcore-dmesg")
passed, failed = 0, 0


def check(what, good, detail=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAIL {what}: {str(detail).strip()[-1500:]}", flush=True)


def run(*command, **options):
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        errors="replace",
        env=dict(os.environ, PATH=f"{os.environ['PATH']}:/usr/sbin:/sbin", **options),
    )
    return done.returncode, done.stdout


def dpkg(*words):
    """In the root itself: from outside, dpkg would look for the root's groups among those of this machine."""
    debs = [word for word in words if word.endswith(".deb")]
    for deb in debs:
        shutil.copy(deb, f"{ROOT}/{os.path.basename(deb)}")
    inside = [f"/{os.path.basename(word)}" if word in debs else word for word in words]
    done = run("chroot", ROOT, "dpkg", "--log=/dev/null", *inside)
    for deb in debs:
        os.unlink(f"{ROOT}/{os.path.basename(deb)}")
    return done


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def files():
    """Of the system; what dpkg keeps about packages is not looked at."""
    found = set()
    for folder, folders, names in os.walk(ROOT):
        place = folder[len(ROOT) :]
        if place == "/var/lib/dpkg":
            folders.clear()
            continue
        found.update(f"{place}/{name}" for name in names + folders)
    return found


def state(package):
    return run("dpkg-query", f"--admindir={ROOT}/var/lib/dpkg", "-W", "-f", "${db:Status-Abbrev}", package)[1].strip()


def listing(deb):
    """A line for each file: mode, place, where a link leads."""
    lines = []
    for line in run("dpkg-deb", "-c", deb)[1].splitlines():
        mode, owner, _, _, _, place = line.split(None, 5)
        check(f"{place} belongs to root", owner == "root/root", owner)
        if not place.endswith("/") or mode != "drwxr-xr-x":
            lines.append(f"{mode} {place[1:]}")
    return lines


def contents(deb):
    wanted = [line for line in read(f"{TOP}/tests/package/contents").splitlines() if line and line[0] != "#"]
    found = sorted(listing(deb), key=lambda line: line.split(None, 1)[1])
    check(
        "the package has the files that tests/package/contents lists, and no others",
        wanted == found,
        "\n".join(
            sorted(
                {f"missing {line}" for line in wanted} - {f"missing {line}" for line in found}
                | {f"more {line}" for line in found} - {f"more {line}" for line in wanted}
            )
        ),
    )
    fields = dict(re.findall(r"^ ?([A-Za-z-]+): (.*)$", run("dpkg-deb", "-I", deb)[1], re.M))
    for field in ("Provides", "Conflicts", "Replaces"):
        names = set(re.split(r", *", fields.get(field, "")))
        check(
            f"{field} names what the package stands in for",
            {"kexec-tools", "makedumpfile", "kdump-tools"} <= names,
            names,
        )
    depends = set(re.findall(r"([a-z0-9.+-]+)(?: \(|,|$)", fields.get("Depends", "")))
    check(
        "Depends names the libraries",
        {"libc6", "libzstd1", "libcurl4", "libsodium23"} <= depends,
        fields.get("Depends"),
    )
    check(
        "the sources of the static program's libraries are named",
        "libsodium (= " in fields.get("Static-Built-Using", ""),
        fields,
    )


def lint(deb):
    if not shutil.which("lintian"):
        print("lintian is not installed: not run")
        return
    status, output = run("lintian", "--allow-root", "--fail-on", "error,warning", deb)
    check("lintian has no errors and no warnings", status == 0, output)


def make_root():
    shutil.rmtree(ROOT, ignore_errors=True)
    os.makedirs(ROOT)
    status, output = run(
        "tar",
        "xf",
        f"{TOP}/build/guest-debian/root.tar",
        "-C",
        ROOT,
        "--exclude=./lib/modules",
        "--exclude=./usr/lib/modules/*",
        "--exclude=./boot/*",
        "--exclude=./dev/*",
    )
    check("the system can be unpacked", status == 0, output)
    write(f"{ROOT}/etc/dpkg/dpkg.cfg.d/99mmdebstrap", "")  # it leaves out manuals
    with open(f"{ROOT}/dev/null", "w", encoding="ascii"):
        pass


def inside(*command):
    return run("chroot", ROOT, *command)


def install(deb):
    status, output = dpkg("-i", deb)
    check("it installs", status == 0, output)
    check("without a reservation it says what to do next", "kdumpctl reset-crashkernel" in output, output)
    check("it is installed", state("parachute") == "ii", state("parachute"))
    for program in PROGRAMS:
        status, output = inside(f"/sbin/{program}", "-v" if program == "makedumpfile" else "--version")
        check(f"/sbin/{program} runs", status == 0 and f"{program}" in output, output)
    status, output = inside("/usr/sbin/kdump-config", "load", "--help")
    check("kdump-config finds kdumpctl", status == 0 and "kdumpctl start" in output, output)
    status, output = inside("/usr/lib/parachute/kdump", "--version")
    check("the static kdump runs", status == 0, output)
    check("the static kdump is static", "INTERP" not in run("readelf", "-l", f"{ROOT}/usr/lib/parachute/kdump")[1])
    for unit in ("kdump.service", "kdump-verify.timer"):
        check(
            f"{unit} is enabled",
            inside("systemctl", "is-enabled", unit)[1].strip() == "enabled",
            inside("systemctl", "is-enabled", unit),
        )
    status, output = inside("kdumpctl", "check-config")
    check("the configuration that comes with it is right", status == 0, output)


def kernels():
    """dpkg tells a kernel's package what it does, and that package the hooks (deb-kernel-hooks)."""
    image = f"{ROOT}/var/lib/kdump/initrd.img-6.1.0-9"
    for told, stays in (
        ("upgrade 6.1.2-1", True),
        ("'upgrade' '6.1.2-1'", True),
        ("abort-install", True),
        ("remove", False),
        ("'purge'", False),
        ("", False),
    ):
        write(image, "")
        write(f"{image}.inputs", "")
        status, output = inside("env", f"DEB_MAINT_PARAMS={told}", "/etc/kernel/postrm.d/parachute", "6.1.0-9")
        found = os.path.exists(image), os.path.exists(f"{image}.inputs")
        check(f"a kernel's {told or 'end'}: its capture initramfs", (status, found) == (0, (stays, stays)), output)
    write(image, "")
    status, output = inside("/etc/kernel/postinst.d/parachute", "6.1.0-9")
    check("where no service runs, a new kernel is nothing to do", (status, output) == (0, ""), output)
    os.unlink(image)


def repacked(deb, version, conf=None):
    """The package as a later version; with another /etc/kdump.conf."""
    folder = f"{WORK}/repacked"
    shutil.rmtree(folder, ignore_errors=True)
    run("dpkg-deb", "-R", deb, folder)
    control = read(f"{folder}/DEBIAN/control")
    write(f"{folder}/DEBIAN/control", re.sub(r"(?m)^Version: .*$", f"Version: {version}", control))
    if conf is not None:
        write(f"{folder}/etc/kdump.conf", conf)
    made = f"{WORK}/parachute_{version}.deb"
    status, output = run("dpkg-deb", "--root-owner-group", "-b", folder, made)
    check("the package can be packed again", status == 0, output)
    return made


def upgrade(deb):
    """Who has changed nothing gets the new file, who has keeps his own, and is asked only when both have."""
    original = read(CONF)
    later = original + "# a later version\n"
    status, output = dpkg("-i", repacked(deb, "0.1.1-1", later))
    check("upgrade: a configuration that nobody touched is renewed", status == 0 and read(CONF) == later, output)
    mine = later + "# mine\n"
    write(CONF, mine)
    status, output = dpkg("-i", repacked(deb, "0.1.2-1", later))
    check(
        "upgrade: one that was changed here is kept, without a question",
        status == 0 and read(CONF) == mine and "?" not in output,
        output,
    )
    newest = original + "# newest\n"
    status, output = dpkg("--force-confdef", "--force-confold", "-i", repacked(deb, "0.1.3-1", newest))
    check(
        "upgrade: when both have changed, ours is put beside it",
        status == 0 and read(CONF) == mine and read(f"{CONF}.dpkg-dist") == newest,
        output,
    )
    os.unlink(f"{CONF}.dpkg-dist")
    status, output = dpkg("--force-confdef", "--force-confold", "-i", deb)
    check("it goes back to the version before", status == 0 and read(CONF) == mine, output)


def remove(before):
    write(f"{ROOT}/var/lib/kdump/initrd.img-1", "")
    dump = f"{ROOT}/var/crash/127.0.0.1-2026-11-21-10:00:00/vmcore"
    write(dump, "dump")
    status, output = dpkg("-r", "parachute")
    check("it can be removed", status == 0, output)
    check(
        "its programs are gone", not glob.glob(f"{ROOT}/usr/sbin/k*dump*") and not glob.glob(f"{ROOT}/usr/sbin/kexec")
    )
    check("the configuration stays until it is purged", read(CONF) is not None)
    entry = f"{ROOT}/boot/loader/entries/a.conf"
    write(entry, "linux /vmlinuz\noptions root=x crashkernel=1M\n")
    status, output = dpkg("-P", "parachute")
    check("it can be purged", status == 0, output)
    check("a reservation that stays is told", "taken out of: /boot/loader/entries/a.conf\n" in output, output)
    shutil.rmtree(f"{ROOT}/boot/loader")
    check("images of capture kernels are gone", not os.path.exists(f"{ROOT}/var/lib/kdump"))
    check("dumps are not", read(dump) == "dump")
    shutil.rmtree(f"{ROOT}/var/crash")
    left = sorted(files() - before)
    check("nothing else is left", not left, left[:20])
    lost = sorted(before - files())
    check("nothing of others is lost", not lost, lost[:20])


def moving(deb):
    """Where kdump-tools was: what was set for it, and what is reserved, is told, once."""
    kernel = bytearray(4096)
    kernel[0x202:0x208] = b"HdrS\x0f\x02"
    kernel[0x260:0x264] = (64 << 20).to_bytes(4, "little")
    made_up = {
        "proc/cmdline": "root=/dev/vda1 crashkernel=384M-:64M\n",
        "proc/iomem": "00001000-3fffffff : System RAM\n",
        "proc/self/mountinfo": "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n",
        "proc/sys/kernel/arch": "x86_64\n",
        "proc/sys/kernel/osrelease": "6.1.0-9\n",
        "sys/devices/system/cpu/present": "0\n",
        "sys/kernel/kexec_crash_size": f"{64 << 20}\n",
        "sys/kernel/kexec_crash_loaded": "0\n",
        "boot/vmlinuz-6.1.0-9": kernel.decode("latin-1"),
        "etc/default/kdump-tools": '#NFS="a:/b"\nUSE_KDUMP=1\nKDUMP_COREDIR="/data"\nSSH="u@h"\nMAKEDUMP_ARGS="-c"\n',
    }
    for place, text in made_up.items():
        write(f"{ROOT}/{place}", text)
    status, output = dpkg("-i", deb)
    check("with what kdump-tools has left it installs", status == 0, output)
    check(
        "settings of kdump-tools are named",
        "kdump-tools, where KDUMP_COREDIR SSH MAKEDUMP_ARGS is set, is not read: /etc/kdump.conf is" in output,
        output,
    )
    check("a reservation that is too small is told", 'parachute: Too little: "kdumpctl reset-' in output, output)
    status, output = dpkg("-i", deb)
    check("both only once", status == 0 and "not read" not in output and "Too little" not in output, output)
    dpkg("-P", "parachute")
    write(f"{ROOT}/etc/default/kdump-tools", '#NFS="a:/b"\nUSE_KDUMP=1\nKDUMP_COREDIR="/var/crash"\nSSH=""\n')
    write(f"{ROOT}/sys/kernel/kexec_crash_size", f"{512 << 20}\n")
    status, output = dpkg("-i", deb)
    check(
        "where all is well nothing is told of it",
        status == 0 and "reserved already" in output and "not read" not in output and "Too little" not in output,
        output,
    )
    dpkg("-P", "parachute")
    os.unlink(f"{ROOT}/boot/vmlinuz-6.1.0-9")
    status, output = dpkg("-i", deb)
    check("where nothing can be estimated it installs, too", status == 0 and state("parachute") == "ii", output)
    dpkg("-P", "parachute")
    for place in ("proc", "sys"):
        shutil.rmtree(f"{ROOT}/{place}")
        os.mkdir(f"{ROOT}/{place}")
    os.unlink(f"{ROOT}/etc/default/kdump-tools")


def others(deb):
    """Where kexec-tools is installed it gives way."""
    peers = sorted(glob.glob(f"{TOP}/build/debs/kexec-tools_amd64_*.deb"))
    status, output = dpkg("--force-depends", "-i", peers[-1])
    check("kexec-tools is there", status == 0, output)
    status, output = dpkg("-i", deb)
    check(
        "it takes the place of kexec-tools",
        status == 0 and state("parachute") == "ii" and state("kexec-tools") != "ii",
        output,
    )
    for program in PROGRAMS:
        status, output = inside(f"/sbin/{program}", "-v" if program == "makedumpfile" else "--version")
        check(f"/sbin/{program} is there after that, and ours", status == 0 and f"{program}" in output, output)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def reproducible(deb):
    elsewhere = f"{WORK}/elsewhere/another-folder"
    shutil.rmtree(elsewhere, ignore_errors=True)
    os.makedirs(elsewhere)
    status, output = run(f"{TOP}/debian/make-deb", elsewhere)
    again = f"{elsewhere}/{os.path.basename(deb)}"
    check("built elsewhere it is the same package", status == 0 and digest(deb) == digest(again), output)
    shutil.rmtree(elsewhere)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("deb")
    options = parser.parse_args()
    os.umask(0o022)
    os.makedirs(WORK, exist_ok=True)
    deb = os.path.abspath(options.deb)
    contents(deb)
    lint(deb)
    make_root()
    before = files()
    install(deb)
    kernels()
    upgrade(deb)
    remove(before)
    moving(deb)
    others(deb)
    if options.long:
        reproducible(deb)
    shutil.rmtree(ROOT, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if not failed else 1


if __name__ == "__main__":
    sys.exit(main())
