#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Write the tree of the running machine, as README.md describes it, to standard output as a tar archive. Run as root; needs
# no more than busybox. capture.sh [ROOT] takes the files below ROOT instead: for tests.
#
#   capture.sh | ssh elsewhere 'mkdir -p tests/root/NAME && tar xf - -C tests/root/NAME'
set -eu

root=${1:-}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# What is missing here is missing in the tree: kernels differ.
take() {
	for path in "$@"; do
		[ -f "$root/$path" ] || continue
		mkdir -p "$tree/${path%/*}"
		# Not cp: the sizes that /proc and /sys report are not those of the contents.
		cat "$root/$path" > "$tree/$path" || rm -f "$tree/$path"
	done
}

# take() with patterns, expanded below the root.
take_each() {
	for pattern in "$@"; do
		for path in "$root"/$pattern; do
			[ ! -e "$path" ] || take "${path#"$root"/}"
		done
	done
}

# The number of N bytes at OFFSET of kcore, in its own byte order.
kcore_number() {
	bytes=$(dd if="$root/proc/kcore" bs=1 skip="$1" count="$2" 2>/dev/null | od -An -v -tu1)
	value=0 shift=0
	for byte in $bytes; do
		if [ "$kcore_order" = 2 ]; then
			value=$((value * 256 + byte))
		else
			value=$((value + (byte << shift)))
			shift=$((shift + 8))
		fi
	done
	echo "$value"
}

# Headers and notes of kcore: fs/proc/kcore.c writes the PT_NOTE first and its contents behind the last header.
take_kcore() {
	[ -f "$root/proc/kcore" ] || return 0
	kcore_order=1
	class=$(kcore_number 4 1)
	kcore_order=$(kcore_number 5 1)
	if [ "$class" = 2 ]; then
		off=$(kcore_number 72 8) size=$(kcore_number 96 8)
	else
		off=$(kcore_number 56 4) size=$(kcore_number 68 4)
	fi
	want=$((off + size))
	[ "$want" -gt 0 ] || return 0
	mkdir -p "$tree/proc"
	dd if="$root/proc/kcore" of="$tree/proc/kcore" bs="$want" count=1 2>/dev/null
	have=$(wc -c < "$tree/proc/kcore")
	if [ "$have" -ne "$want" ]; then
		echo "capture.sh: /proc/kcore gave $have bytes of $want" >&2
		exit 1
	fi
}

take proc/iomem proc/cmdline proc/consoles proc/meminfo proc/sys/kernel/osrelease proc/sys/kernel/kexec_load_disabled
if grep -q '^ *0*[1-9a-f]' "$tree/proc/iomem"; then :; else
	echo "capture.sh: the kernel hides the addresses in /proc/iomem; run as root" >&2
	exit 1
fi
take_kcore
if [ -f "$root/proc/cpuinfo" ]; then
	sed '/^$/q' "$root/proc/cpuinfo" > "$tree/proc/cpuinfo"
fi
if [ -f "$root/proc/kallsyms" ]; then
	grep -E ' (_text|_stext|_etext|__init_begin|_end)$' "$root/proc/kallsyms" > "$tree/proc/kallsyms" || :
fi

take sys/kernel/vmcoreinfo sys/kernel/security/lockdown sys/kernel/crash_elfcorehdr_size
take sys/kernel/kexec_loaded sys/kernel/kexec_crash_loaded sys/kernel/kexec_crash_size
take_each 'sys/kernel/kexec/*' 'sys/kernel/boot_params/data' 'sys/kernel/boot_params/version' 'sys/kernel/boot_params/setup_data/*/*'

take_each 'sys/firmware/memmap/*/*' 'sys/firmware/fdt' 'sys/firmware/acpi/tables/FACP' 'sys/firmware/acpi/tables/SPCR'
take_each 'sys/class/graphics/fb0/name'
take_each 'sys/firmware/efi/*' 'sys/firmware/efi/runtime-map/*/*'
take proc/device-tree/psci/method

take_each 'sys/devices/system/cpu/possible' 'sys/devices/system/cpu/present' 'sys/devices/system/cpu/online'
take_each 'sys/devices/system/cpu/cpu[0-9]*/crash_notes' 'sys/devices/system/cpu/cpu[0-9]*/crash_notes_size'

# The consoles' devices.
if [ -f "$root/proc/consoles" ]; then
	while read -r console _; do
		for file in type port io_type iomem_base iomem_reg_shift line; do
			take "sys/class/tty/$console/$file"
		done
	done < "$root/proc/consoles"
fi

tar cf - -C "$tree" .
