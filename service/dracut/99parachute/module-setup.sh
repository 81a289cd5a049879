#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Capture initramfs by dracut. kdump mkinitramfs starts dracut and says in PARACHUTE_PARTS where our files lie, in the
# tree that they are to have in the image: the program, kdump.conf, what it needs to know of this machine, modules, keys.
# dracut brings what the devices need.
# shellcheck disable=SC2154 # initdir, moddir, systemdsystemunitdir: dracut's

# Never part of an ordinary initramfs.
check() {
	[ -n "${PARACHUTE_PARTS-}" ] && [ -d "$PARACHUTE_PARTS" ] || return 1
	return 255
}

depends() {
	echo base
}

# Those of the devices that the targets are made from, too; dracut knows them by --add-device, but not all kinds.
installkernel() {
	modules=$PARACHUTE_PARTS/etc/kdump/device-modules
	# shellcheck disable=SC2046 # names
	[ ! -e "$modules" ] || hostonly='' instmods $(cat "$modules")
}

install() {
	cp -a "$PARACHUTE_PARTS/." "$initdir/" || return 1
	if dracut_module_included systemd; then
		# After the root file system is there, or could not be had; before anything is started from it.
		inst_simple "$systemdsystemunitdir/kdump-capture.service" || return 1
		mkdir -p "$initdir$systemdsystemunitdir/initrd.target.wants" || return 1
		ln -sfn ../kdump-capture.service "$initdir$systemdsystemunitdir/initrd.target.wants/kdump-capture.service"
	else
		inst_hook pre-pivot 00 "$moddir/capture.sh"
	fi
}
