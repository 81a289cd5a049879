# SPDX-License-Identifier: GPL-2.0-or-later
"""
Dumps on what our own initramfs does not reach: a logical volume, an encrypted disk, a disk behind two paths. The
machine's own builder of initramfs images makes the capture image then, and that has to bring the device up in the
capture kernel.
"""
import glob
import os
import re
import subprocess

import paths
from debian import DebianGuest, machine
from qemu import Lost
from service_case import FOLDER, Case, booted, check_dump, check_modes, check_service, crash_and_return, digest_of
from service_case import finish, installed, making, package, power_off

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VOLUMES = ("libaio1", "libdevmapper-event1.02.1", "liblvm2cmd2.03", "dmeventd", "lvm2")
LUKS = ("libpopt0", "cryptsetup-bin", "cryptsetup", "cryptsetup-initramfs")
MULTIPATH = ("libaio1", "liburcu8", "libsgutils2-1.46-2", "sg3-utils", "sg3-utils-udev", "kpartx", "multipath-tools",
             "multipath-tools-boot")
DRACUT = ("kpartx", "dracut-core")
INSTALL = "DEBIAN_FRONTEND=noninteractive dpkg -i --force-unsafe-io "
MIB = 1 << 20
# Images of others hold whole systems: udev, systemd, all the tools for volumes.
RESERVED = "384M"
PLACE = "/srv/dumps"
TO_DEVICE = f"""
mke2fs -q -t ext4 DEVICE && mkdir -p {PLACE} && echo "DEVICE {PLACE} ext4 defaults,nofail 0 2" >>/etc/fstab &&
systemctl daemon-reload && mount {PLACE} && echo "ext4 DEVICE" >>/etc/kdump.conf
"""
TO_VOLUME = "pvcreate -qq /dev/vdb && vgcreate -qq dumps /dev/vdb && lvcreate -qq -y -l 100%FREE -n crash dumps && " + (
    TO_DEVICE.replace("DEVICE", "/dev/dumps/crash"))
# As cryptsetup-initramfs wants it: the key is copied into images, which are root's alone.
TO_LUKS = """
mkdir -p /etc/keys && head -c 64 /dev/urandom >/etc/keys/dumps.key && chmod 600 /etc/keys/dumps.key &&
cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/vdb /etc/keys/dumps.key &&
cryptsetup open --key-file /etc/keys/dumps.key /dev/vdb dumps &&
echo "dumps UUID=$(cryptsetup luksUUID /dev/vdb) /etc/keys/dumps.key luks,initramfs,nofail" >>/etc/crypttab &&
echo "KEYFILE_PATTERN=/etc/keys/*.key" >>/etc/cryptsetup-initramfs/conf-hook &&
echo UMASK=0077 >>/etc/initramfs-tools/initramfs.conf && """ + TO_DEVICE.replace("DEVICE", "/dev/mapper/dumps")

TO_MULTIPATH = """
printf 'defaults {\\n user_friendly_names yes\\n find_multipaths no\\n}\\nblacklist {\\n devnode "^vd"\\n}\\n' \
>/etc/multipath.conf && systemctl restart multipathd.service && udevadm settle &&
for n in $(seq 100); do [ -e /dev/mapper/mpatha ] && break; sleep 0.2; done; multipath -ll &&
""" + TO_DEVICE.replace("DEVICE", "/dev/mapper/mpatha")


def debs(names):
    """Debian's packages with these NAMES, downloaded once: {path in the guest: file here}."""
    if not names:
        return {}
    subprocess.run([f"{TOP}/tests/setup/fetch", *[f"{name}:amd64" for name in names]], check=True)
    found = [sorted(glob.glob(f"{paths.BUILD}/debs/{name}_amd64_*.deb"))[-1] for name in names]
    return {f"/root/{name}.deb": path for name, path in zip(names, found)}


def with_volumes(context):
    """The disk with our package, and what makes logical volumes; made once for each package."""
    source = installed(context)
    key = f"{digest_of(source.replace('.raw', '.key'))} {' '.join(VOLUMES)}"
    made, note = (f"{paths.BUILD}/guest-debian/installed-volumes.{kind}" for kind in ("raw", "key"))
    with making:
        if os.path.exists(note) and open(note, encoding="ascii").read() == key:
            return made
        files = debs(VOLUMES)
        with DebianGuest(machine(), f"{context.folder}/volumes", files, source=source) as guest:
            guest.wait_boot()
            guest.output(INSTALL + " ".join(files), 600)
            power_off(guest)
        os.replace(guest.root, made)
        with open(note, "w", encoding="ascii") as file:
            file.write(key)
    return made


def second_disk(context, size=512 * MIB):
    """Arguments of QEMU for /dev/vdb, empty."""
    path = f"{context.folder}/second.raw"
    with open(path, "wb") as file:
        file.truncate(size)
    return ["-drive", f"if=none,id=second,format=raw,cache=unsafe,file={path}", "-device",
            "virtio-blk-pci,drive=second,serial=second"]


def two_paths(context, size=512 * MIB):
    """Arguments of QEMU for one empty disk behind two controllers."""
    path, words = f"{context.folder}/shared.raw", []
    with open(path, "wb") as file:
        file.truncate(size)
    for number in range(2):
        words += ["-device", f"virtio-scsi-pci,id=scsi{number}"]
        words += ["-drive", f"if=none,id=path{number},format=raw,cache=unsafe,file.locking=off,file={path}"]
        disk = "scsi-hd,serial=parachute,wwn=0x5000c50015ea71aa,share-rw=on"
        words += ["-device", f"{disk},drive=path{number},bus=scsi{number}.0"]
    return words


def reserving(size):
    """For DebianGuest's EDITS."""
    return {"/boot/grub/grub.cfg": lambda text: re.sub(r"crashkernel=\S+", f"crashkernel={size}", text)}


def built_by(context, prepare, builder, packages=(), base=with_volumes, disks=second_disk):
    """
    PREPARE makes one of DISKS the target; BUILDER makes the image; the dump is there after the panic. BASE makes the
    disk, onto which the PACKAGES go.
    """
    results = context.results
    source = base(context)
    files = debs(packages)
    edits = reserving(RESERVED)
    with DebianGuest(machine(), context.folder, files, edits, source=source, more=disks(context)) as guest:
        context.timings["boot"] = booted(context, guest)
        release = guest.output("uname -r").strip()
        if files:
            guest.output(INSTALL + " ".join(files), 600)
        guest.output(" ".join(prepare.split("\n")), 240)
        status, output = guest.run("systemctl restart kdump.service", 900)
        journal = guest.run("journalctl -b --no-pager -o cat -u kdump.service | tail -n 12")[1]
        text = (output + journal).decode(errors="replace")
        if not results.check("the service builds and loads", status == 0, text):
            raise Lost("nothing to go on with")
        inputs = guest.output("cat /var/lib/kdump/*.inputs")
        results.check(f"{builder} has built it", f"builder {builder}\n" in inputs, text)
        check_service(context, guest, "with the new target")
        context.timings["initramfs_kib"] = int(guest.output("du -k /var/lib/kdump/initrd.img-* | head -n 1").split()[0])
        names = crash_and_return(context, guest, path=f"{PLACE}/var/crash")
        results.check("one dump has come", len(names) == 1 and FOLDER.match(names[0]), names)
        check_service(context, guest, "after the crash")
        for name in names:
            check_modes(context, guest, f"{PLACE}/var/crash/{name}")
            guest.output(f"mkdir -p /root/dumps && cp -a {PLACE}/var/crash/{name} /root/dumps/")
        power_off(guest)
        for name in names:
            guest.host_copy(f"/root/dumps/{name}", f"{context.folder}/dumps")
            check_dump(context, f"{context.folder}/dumps/{name}", "sysrq triggered crash", release)
    finish(context, guest)


CASES = [
    Case("service-lvm-initramfs-tools", lambda context: built_by(context, TO_VOLUME, "initramfs-tools")),
    Case("service-lvm-dracut", lambda context: built_by(context, TO_VOLUME, "dracut", DRACUT)),
    Case("service-luks-initramfs-tools",
         lambda context: built_by(context, TO_LUKS, "initramfs-tools", LUKS, installed)),
    Case("service-multipath-initramfs-tools",
         lambda context: built_by(context, TO_MULTIPATH, "initramfs-tools", MULTIPATH, installed, two_paths)),
]
