# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154,SC2034
# Sourced by the scripts beside it, which set "top" to the project's root. All that they make lies in build/.
build=$top/build
apt_root=$build/apt

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# One set-up at a time; the lock goes with the process. Nested calls of these scripts share their caller's.
take_lock() {
	mkdir -p "$build"
	if [ -z "${SETUP_LOCKED:-}" ]; then
		exec 9>"$build/.setup.lock"
		flock 9
		export SETUP_LOCKED=1
	fi
}
