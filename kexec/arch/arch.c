// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/arch/arch.h"

#include "lib/err.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

const struct arch *const arch_table[] = { &arch_x86_64, &arch_arm64, NULL };

static bool arch_is(const struct arch *arch, const char *name)
{
	if (!strcmp(arch->name, name))
		return true;
	for (const char *const *uname = arch->uname; *uname; uname++)
		if (!strcmp(*uname, name))
			return true;
	return false;
}

const struct arch *arch_find(const char *name)
{
	for (const struct arch *const *arch = arch_table; *arch; arch++)
		if (arch_is(*arch, name))
			return *arch;
	return NULL;
}

int arch_detect(const struct arch **arch)
{
	const struct arch *found;
	struct utsname uts;

	if (uname(&uts))
		return fail_sys(-errno, "cannot ask the kernel for the machine type");
	found = arch_find(uts.machine);
	if (!found)
		return fail(-ENOTSUP,
			    "this machine is \"%s\", which is not supported; use --arch to plan for another one",
			    uts.machine);
	*arch = found;
	return 0;
}
