/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine-readable reports: a thin layer over json-c, so that callers need no #ifdef. Without json-c every call is
 * harmless and json_print() answers -ENOTSUP. Addresses and sizes are written as JSON strings "0x..." because JSON
 * numbers lose precision above 2^53.
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json;               /* an object or an array; owned by its parent, the root by the caller */

bool json_built_in(void);

struct json *json_object(void);                                   /* a root; NULL without memory or json-c */
struct json *json_object_in(struct json *parent, const char *key);  /* key NULL: append to an array */
struct json *json_array_in(struct json *parent, const char *key);
void json_add_string(struct json *parent, const char *key, const char *value);
void json_add_number(struct json *parent, const char *key, int64_t value);
void json_add_hex(struct json *parent, const char *key, uint64_t value);
void json_add_bool(struct json *parent, const char *key, bool value);

/*
 * Print ROOT, indented, to OUT. -ENOMEM when any earlier addition failed, -ENOTSUP without json-c, -EIO. All
 * recorded.
 */
int json_print(struct json *root, FILE *out);
void json_free(struct json *root);

#endif
