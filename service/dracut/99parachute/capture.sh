#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A capture initramfs that dracut built without systemd: in place of the ordinary boot. Sourced by dracut's init.

if [ -e /proc/vmcore ]; then
	/usr/lib/parachute/kdump capture --no-init --root "${NEWROOT:-/sysroot}"
	# It restarts the machine itself. Should it be gone without having done so:
	reboot -f || echo b >/proc/sysrq-trigger
fi
