// SPDX-License-Identifier: GPL-2.0-or-later
/* A kernel thread that reads where nothing is, as a driver with a mistake does. */
#include <linux/kthread.h>
#include <linux/module.h>

static int lost(void *where)
{
	return READ_ONCE(*(int *)where);
}

static int __init thread_init(void)
{
	return PTR_ERR_OR_ZERO(kthread_run(lost, (void *)8, "parachute-lost"));
}
module_init(thread_init);
MODULE_LICENSE("GPL");
