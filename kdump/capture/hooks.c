// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/hooks.h"

#include "kdump/capture/names.h"
#include "kdump/capture/supervise.h"
#include "lib/root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(struct capture *c, const char *path, const char *argument)
{
	const char *argv[] = { path, argument, NULL };
	int status = child_run(argv, -1, UINT64_MAX, UINT64_MAX);

	if (status < 0)
		say(&c->say, SAY_ERROR, "%s", err_text());
	else if (status)
		say(&c->say, SAY_WARNING, "%s: exit status %d", path, status);
	return status < 0 ? 127 : status;
}

/* Every program in FOLDER, by name; the first status that is not 0. */
static int run_all(struct capture *c, const char *folder, const char *argument)
{
	struct root_names names = { 0 };
	struct root root;
	int first = 0;

	if (root_init(&root, NULL))
		return 0;
	if (root_exists(&root, folder + 1) && !root_list(&root, folder + 1, &names)) {
		for (size_t i = 0; i < names.nr; i++) {
			char *path = name_join(folder, names.name[i]);
			int status = path && !access(path, X_OK) ? run(c, path, argument) : 0;

			first = first ? first : status;
			free(path);
		}
		root_names_deinit(&names);
	}
	root_deinit(&root);
	err_clear();
	return first;
}

int hooks_pre(struct capture *c, void *unused)
{
	int status = c->conf.kdump_pre ? run(c, c->conf.kdump_pre, NULL) : 0;

	(void)unused;
	/* As with Fedora, only kdump_pre may say that no dump is wanted. */
	if (!status)
		run_all(c, HOOKS_PRE, NULL);
	return status;
}

int hooks_post(struct capture *c, void *result)
{
	int first = run_all(c, HOOKS_POST, result);
	int status = c->conf.kdump_post ? run(c, c->conf.kdump_post, result) : 0;

	return first ? first : status;
}

void hooks_fence(struct capture *c, int *pid)
{
	/* Where the distributions put it. */
	static const char *const senders[] = { "/usr/libexec/fence_kdump_send", "/usr/sbin/fence_kdump_send",
					      "/usr/lib/fence_kdump_send" };
	const char **words;
	char *line = NULL;
	size_t i = 0;
	bool ours;

	*pid = 0;
	if (!c->conf.fence_kdump_nodes)
		return;
	while (i < 3 && access(senders[i], X_OK))
		i++;
	if (i == 3 || asprintf(&line, "%s %s %s", senders[i], c->conf.fence_kdump_args ? c->conf.fence_kdump_args : "",
			       c->conf.fence_kdump_nodes) < 0) {
		say(&c->say, SAY_WARNING,
		    "fence_kdump_nodes: fence_kdump_send is not in the initramfs; the cluster is told nothing");
		return;
	}
	words = collector_words(line, 1, &ours);
	*pid = words ? fork() : -1;
	if (!*pid) {
		setsid();
		execv(words[0], (char *const *)(uintptr_t)words);
		_exit(127);
	}
	if (*pid < 0) {
		say(&c->say, SAY_WARNING, "fence_kdump_send cannot be started");
		*pid = 0;
	}
	free(words);
	free(line);
}
