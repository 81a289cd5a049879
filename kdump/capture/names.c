// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *name_of_dump(const char *address, const struct tm *when, unsigned int number)
{
	char date[64], *name, suffix[16] = "";

	strftime(date, sizeof(date), "%Y-%m-%d-%H:%M:%S", when);
	if (number > 1)
		snprintf(suffix, sizeof(suffix), "-%u", number);
	if (asprintf(&name, "%s-%s%s", address, date, suffix) < 0)
		return NULL;
	for (char *c = name; *c; c++)
		if (*c == '/' || *c <= ' ' || *c == 0x7f)
			*c = '_';
	return name;
}

char *name_join(const char *a, const char *b)
{
	size_t len = strlen(a);
	char *name;

	while (len && a[len - 1] == '/')
		len--;
	while (*b == '/')
		b++;
	return asprintf(&name, "%.*s/%s", (int)len, a, b) < 0 ? NULL : name;
}

/*
 * One that hangs is found by its standing still, so a share is only for one that is slow: most of the time is the first
 * one's, and each of the others is left some. Of two the first may take three quarters, of many half of the time.
 */
uint64_t share_ms(uint64_t left_ms, unsigned int nr_left)
{
	if (left_ms == UINT64_MAX || nr_left < 2)
		return left_ms;
	return left_ms / (2 * (uint64_t)nr_left) * ((uint64_t)nr_left + 1);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char **collector_words(const char *line, unsigned int room, bool *ours)
{
	/* Two bytes of the line are at most one word and its blank; "kdump" alone becomes one word more. */
	size_t len = strlen(line), max = len / 2 + 4 + room, n = 0;
	const char **words = calloc(1, max * sizeof(*words) + len + 1);
	char *copy, *save = NULL;

	if (!words)
		return NULL;
	copy = (char *)(words + max);
	memcpy(copy, line, len);
	*ours = false;
	for (char *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (!n && (!strcmp(base_name(word), "makedumpfile") || !strcmp(base_name(word), "kdump"))) {
			*ours = true;
			words[n++] = "/proc/self/exe";
			if (strcmp(base_name(word), "kdump"))
				words[n++] = "makedumpfile";
		} else {
			words[n++] = word;
		}
	}
	return words;
}

bool collector_flattens(const char *const *words)
{
	for (; *words; words++)
		if ((words[0][0] == '-' && words[0][1] != '-' && strchr(words[0], 'F')) ||
		    !strcmp(*words, "--flattened"))
			return true;
	return false;
}

bool collector_checkable(const char *const *words, bool ours)
{
	return words[0] && (ours || !strcmp(base_name(words[0]), "cp"));
}

/* LEVEL,SEQUENCE,MICROSECONDS,FLAGS[,...];TEXT\n and then lines " KEY=VALUE". Bytes that do not print are \xNN. */
int klog_append(struct text record, struct blob *text)
{
	struct text head, line;
	uint64_t us;
	char stamp[48];
	int err;

	if (!record.len || !memchr(record.at, ';', record.len))
		return 0;
	head = text_until(&record, ';');
	text_until(&head, ',');
	text_until(&head, ',');
	if (!text_u64(&head, 10, &us) || !text_line(&record, &line))
		return 0;
	snprintf(stamp, sizeof(stamp), "[%5" PRIu64 ".%06" PRIu64 "] ", us / 1000000, us % 1000000);
	err = blob_append(text, stamp, strlen(stamp));
	if (!err)
		err = blob_append(text, line.at, line.len);
	return err ? err : blob_append(text, "\n", 1);
}
