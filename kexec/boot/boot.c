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

int boot_share_kernel(struct plan *plan, struct capture *c)
{
	struct segment *seg = plan_find(plan, "kernel");

	if (!seg)
		return fail(-EINVAL, "the plan has no kernel to share");
	seg->images |= FOR_IMAGE(c->idx);
	c->kernel_paddr = plan->capture[PRIMARY].kernel_paddr;
	return 0;
}

int boot_place_initrd(struct plan *plan, struct capture *c, struct place *place)
{
	struct segment *shared = c->shares_initrd ? plan_find(plan, "initrd") : NULL;

	if (!c->initrd.view.len)
		return 0;
	if (shared && shared->mem >= place->min && shared->bufsz - 1 <= place->last &&
	    shared->mem <= place->last - (shared->bufsz - 1)) {
		shared->images |= FOR_IMAGE(c->idx);
		c->initrd_paddr = shared->mem;
		return 0;
	}
	place->memsz = c->initrd.view.len;
	place->images = FOR_IMAGE(c->idx);
	return plan_place(plan, plan_name(c->idx, "initrd"), c->initrd.view.base, c->initrd.view.len, place,
			  &c->initrd_paddr);
}

int boot_drop_elfcorehdr(struct capture *c)
{
	int removed = cmdline_remove(&c->cmdline, "elfcorehdr");

	if (removed > 0)
		warn("elfcorehdr= on the command line is replaced: the capture kernel is told where the core headers were "
		     "placed");
	return removed < 0 ? removed : 0;
}

/* What the loader leaves behind PURG_VERDICT_WORD, and of the same length "skipped". */
#define UNKNOWN "unknown"
#define LONGEST_PREFIX "fallback:"

size_t boot_verdict_len(const struct plan *plan, const char *boot)
{
	size_t names = boot ? strlen(boot) + 1 : 0;

	if (plan->policy != PURG_POLICY_BOOT && plan->policy != PURG_POLICY_FALLBACK)
		return strlen(PURG_VERDICT_WORD UNKNOWN);
	for (size_t i = 0; i < plan->nr_seg; i++)
		if (!plan->seg[i].no_digest && plan->seg[i].images & FOR_IMAGE(PRIMARY))
			names += strlen(plan->seg[i].what) + 1;
	/* The last name has no comma behind it. */
	return strlen(PURG_VERDICT_WORD LONGEST_PREFIX) + (names ? names - 1 : 0);
}

int boot_add_verdict(const struct plan *plan, struct capture *c, const char *boot, size_t *off)
{
	size_t len = boot_verdict_len(plan, c->idx == PRIMARY ? boot : NULL);
	int err = cmdline_remove(&c->cmdline, "kdump.verify");

	if (err >= 0)
		err = cmdline_add_room(&c->cmdline, PURG_VERDICT_WORD UNKNOWN, len, off);
	if (!err)
		c->verdict_len = len;
	return err;
}

int boot_set_entry(const struct plan *plan, struct capture *c, uint64_t paddr, uint64_t last)
{
	const struct load_request *req = plan->req;
	uint64_t entry = req->entry_given && c->idx == PRIMARY ? req->entry : paddr;

	if (entry > last)
		return fail(-EINVAL, "the entry point %#" PRIx64 " is above %#" PRIx64 ", the highest that it can be",
			    entry, last);
	for (size_t i = 0; i < plan->nr_seg; i++) {
		const struct segment *seg = &plan->seg[i];

		if (entry >= seg->mem && entry - seg->mem < seg->bufsz) {
			c->next_entry = entry;
			return 0;
		}
	}
	return fail(-EINVAL, "the entry point %#" PRIx64 " lies in no segment", entry);
}
