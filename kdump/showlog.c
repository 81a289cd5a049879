// SPDX-License-Identifier: GPL-2.0-or-later
/* kdump dmesg, also called as vmcore-dmesg: the crashed kernel's log on standard output. */
#include "kdump/command.h"
#include "kdump/crashed.h"
#include "kdump/dmesg.h"
#include "lib/err.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int command_dmesg(int argc, char **argv, int *status)
{
	struct dmesg_result result = { 0 };
	struct crashed cr;
	int err;

	if (argc != 2 || argv[1][0] == '-') {
		*status = EXIT_USAGE;
		return fail(-EINVAL, "needed is one argument: the source, such as /proc/vmcore");
	}
	err = crashed_open(&cr, argv[1], 0);
	if (!err && !cr.has_vtop)
		err = fail(-ENODATA, "%s: its kernel cannot be looked into", argv[1]);
	if (!err)
		err = dmesg_print(&cr.vt, STDOUT_FILENO, 0, &result);
	if (!err && result.nr_skipped)
		warn("%llu damaged records were passed over", (unsigned long long)result.nr_skipped);
	crashed_close(&cr);
	return err;
}
