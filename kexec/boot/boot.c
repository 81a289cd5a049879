// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/boot/boot.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

/* Not waiting for entropy: a kdump service that starts early must not hold up the boot (random(7)). */
bool boot_seed(uint8_t *bytes, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = getrandom(bytes + have, n - have, GRND_NONBLOCK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			warn("the capture kernel gets no random seed: getrandom: %s", strerror(errno));
			return false;
		}
		have += got;
	}
	return true;
}

int boot_drop_elfcorehdr(struct plan *plan)
{
	int removed = cmdline_remove(&plan->cmdline, "elfcorehdr");

	if (removed > 0)
		warn("elfcorehdr= on the command line is replaced: the capture kernel is told where the core headers were "
		     "placed");
	return removed < 0 ? removed : 0;
}

int boot_set_entry(struct plan *plan, uint64_t paddr, uint64_t last)
{
	const struct load_request *req = plan->req;
	uint64_t entry = req->entry_given ? req->entry : paddr;

	if (entry > last)
		return fail(-EINVAL, "the entry point %#" PRIx64 " is above %#" PRIx64 ", the highest that it can be",
			    entry, last);
	for (size_t i = 0; i < plan->nr_seg; i++) {
		const struct segment *seg = &plan->seg[i];

		if (entry >= seg->mem && entry - seg->mem < seg->bufsz) {
			plan->next_entry = entry;
			return 0;
		}
	}
	return fail(-EINVAL, "the entry point %#" PRIx64 " lies in no segment", entry);
}
