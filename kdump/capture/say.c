// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/say.h"

#include "lib/file.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel refuses longer records (LOG_LINE_MAX is 976 in 6.1). */
#define RECORD_BYTES 800

void say_init(struct say *s, const char *path)
{
	int fd = open(path ? path : "/dev/kmsg", O_WRONLY | O_APPEND | O_CLOEXEC | (path ? O_CREAT : 0), 0600);

	*s = (struct say){ .fd = fd, .records = !path && fd >= 0 };
}

void say_deinit(struct say *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void say_from_child(struct say *s)
{
	s->child = true;
}

/* Words that cannot be said are lost: there is nobody left to tell. */
static void put(int fd, const char *bytes, int len)
{
	if (len > 0 && file_write_all(fd, bytes, len))
		debug("words were lost");
}

static void say_text(const struct say *s, int level, struct text t)
{
	char record[RECORD_BYTES + 64];
	int len;

	do {
		int n = t.len < RECORD_BYTES ? (int)t.len : RECORD_BYTES;

		if (s->child)
			len = snprintf(record, sizeof(record), "<%d>%.*s\n", level, n, t.at);
		else if (s->records)
			len = snprintf(record, sizeof(record), "<%d>kdump: %.*s\n", level, n, t.at);
		else
			len = snprintf(record, sizeof(record), "kdump: %.*s\n", n, t.at);
		put(s->child || s->fd < 0 ? STDERR_FILENO : s->fd, record, len);
		t.at += n;
		t.len -= n;
	} while (t.len);
}

void say(const struct say *s, int level, const char *fmt, ...)
{
	char text[4096];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* A child's words are lines; errors may quote what has newlines. */
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	say_text(s, level, text_of_string(text));
}

int say_take_level(struct text *line)
{
	int level = SAY_NOTICE;

	if (line->len >= 3 && line->at[0] == '<' && line->at[1] >= '0' && line->at[1] <= '7' && line->at[2] == '>') {
		level = line->at[1] - '0';
		*line = text_of(line->at + 3, line->len - 3);
	}
	return level;
}

void say_line(const struct say *s, struct text line)
{
	int level = say_take_level(&line);

	text_trim(&line);
	if (line.len)
		say_text(s, level, line);
}

void say_warning(void *ctx, const char *text)
{
	say(ctx, SAY_WARNING, "%s", text);
}
