// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/sftp_proto.h"

#include "lib/err.h"

#include <errno.h>
#include <string.h>

/* ---- requests ---- */

void sftp_add_bytes(struct sftp_builder *p, const void *bytes, size_t len)
{
	sftp_add_u32(p, len);
	if (!p->err)
		p->err = blob_append(&p->b, bytes, len);
}

void sftp_add_string(struct sftp_builder *p, const char *text)
{
	sftp_add_bytes(p, text, strlen(text));
}

void sftp_add_u32(struct sftp_builder *p, uint32_t value)
{
	uint8_t bytes[4];

	put_u32(bytes, value, true);
	if (!p->err)
		p->err = blob_append(&p->b, bytes, sizeof(bytes));
}

void sftp_add_u64(struct sftp_builder *p, uint64_t value)
{
	uint8_t bytes[8];

	put_u64(bytes, value, true);
	if (!p->err)
		p->err = blob_append(&p->b, bytes, sizeof(bytes));
}

void sftp_add_mode(struct sftp_builder *p, uint32_t mode)
{
	sftp_add_u32(p, 4); /* SSH_FILEXFER_ATTR_PERMISSIONS */
	sftp_add_u32(p, mode);
}

void sftp_begin(struct sftp_builder *p, uint8_t type, uint32_t id)
{
	memset(p, 0, sizeof(*p));
	blob_init(&p->b);
	sftp_add_u32(p, 0);
	if (!p->err)
		p->err = blob_append(&p->b, &type, 1);
	sftp_add_u32(p, id);
}

int sftp_built(struct sftp_builder *p)
{
	if (!p->err)
		put_u32(p->b.data, p->b.len - 4, true);
	return p->err;
}

void sftp_builder_deinit(struct sftp_builder *p)
{
	blob_deinit(&p->b);
}

uint8_t *sftp_write_head(uint8_t *data, uint32_t len, uint32_t id, const struct sftp_handle *h, uint64_t off)
{
	const uint32_t head = SFTP_WRITE_HEAD_MAX - SFTP_HANDLE_MAX + h->len;
	uint8_t *at = data - head;

	put_u32(at, head - 4 + len, true);
	at[4] = SFTP_WRITE;
	put_u32(at + 5, id, true);
	put_u32(at + 9, h->len, true);
	memcpy(at + 13, h->bytes, h->len);
	put_u64(at + 13 + h->len, off, true);
	put_u32(at + 21 + h->len, len, true);
	return at;
}

/* ---- replies ---- */

struct view sftp_view(const void *bytes, size_t len)
{
	struct view v = view_of(bytes, len, "the server's reply");

	v.big_endian = true;
	return v;
}

int sftp_take(const uint8_t *bytes, size_t len, struct view *body)
{
	uint32_t packet;

	if (len < 4)
		return 0;
	packet = get_u32(bytes, true);
	/* Type and number are in every packet. */
	if (packet < 5 || packet > SFTP_PACKET_MAX)
		return fail(-EPROTO, "it sends a packet of %u bytes", packet);
	if (len - 4 < packet)
		return 0;
	*body = sftp_view(bytes + 4, packet);
	return 1;
}

static const uint8_t *take_string(struct cursor *c, uint32_t *len)
{
	*len = cursor_u32(c);
	return cursor_bytes(c, *len);
}

static void parse_attrs(struct cursor *c, struct sftp_attrs *a)
{
	uint32_t flags = cursor_u32(c);

	if (flags & 1) {
		a->has_size = true;
		a->size = cursor_u64(c);
	}
	if (flags & 2)
		cursor_skip(c, 8); /* owner and group */
	if (flags & 4) {
		a->has_mode = true;
		a->mode = cursor_u32(c);
	}
	/* Times and extensions follow, which nobody needs. */
}

int sftp_parse(const struct view *body, struct sftp_reply *r)
{
	struct cursor c = cursor_at(body, 0);
	struct sftp_reply got = { .type = cursor_u8(&c), .id = cursor_u32(&c) };
	uint32_t len;

	switch (got.type) {
	case SFTP_STATUS:
		got.status = cursor_u32(&c);
		/* Servers older than the third version send no words. */
		if (cursor_left(&c)) {
			const uint8_t *words = take_string(&c, &len);

			got.message = text_of((const char *)words, words ? len : 0);
		}
		break;
	case SFTP_HANDLE:
	case SFTP_DATA:
		got.bytes = take_string(&c, &got.len);
		break;
	case SFTP_ATTRS:
		parse_attrs(&c, &got.attrs);
		break;
	case SFTP_EXTENDED_REPLY:
	case SFTP_VERSION:
		got.len = cursor_left(&c);
		got.bytes = cursor_bytes(&c, got.len);
		break;
	default:
		return fail(-EPROTO, "it sends a reply of type %u, which there is not", got.type);
	}
	if (c.bad)
		return fail(-EPROTO, "it sends a reply of type %u that is cut short", got.type);
	if (got.type == SFTP_HANDLE && (!got.len || got.len > SFTP_HANDLE_MAX))
		return fail(-EPROTO, "it sends a file's handle of %u bytes", got.len);
	*r = got;
	return 0;
}

bool sftp_has_extension(const struct sftp_reply *r, const char *name)
{
	struct view v = sftp_view(r->bytes, r->len);
	struct cursor c = cursor_at(&v, 0);

	while (cursor_left(&c)) {
		uint32_t name_len, value_len;
		const uint8_t *at = take_string(&c, &name_len);

		take_string(&c, &value_len);
		if (c.bad)
			return false;
		if (name_len == strlen(name) && !memcmp(at, name, name_len))
			return true;
	}
	return false;
}

int sftp_errno(uint32_t status)
{
	static const struct {
		uint32_t status;
		int err;
	} known[] = {
		{ SFTP_OK, 0 },
		{ SFTP_EOF, -ENODATA },
		{ SFTP_NO_SUCH_FILE, -ENOENT },
		{ SFTP_PERMISSION_DENIED, -EACCES },
		{ SFTP_BAD_MESSAGE, -EINVAL },
		{ SFTP_UNSUPPORTED, -EOPNOTSUPP },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].status == status)
			return known[i].err;
	return -EIO;
}
