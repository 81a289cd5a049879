/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the values of kdump.conf look like: one check each, which says what to write instead. -EINVAL (recorded); none
 * of them allocates.
 */
#ifndef SERVICE_CONF_VALUES_H
#define SERVICE_CONF_VALUES_H

#include "lib/text.h"

/* Longest deadline and age: longer than any dump takes, and far from where sums of seconds overflow. */
#define CONF_SECONDS_MAX (10ull * 365 * 86400)

/* A check of a value; what it names goes into sentences by the caller, who puts the keyword in front. */
typedef int conf_check(struct text value);

conf_check conf_check_any;         /* what is not refused for every value */
conf_check conf_check_folder;      /* "/var/crash" or "/" */
conf_check conf_check_file;        /* "/etc/kdump/credentials" */
conf_check conf_check_device;      /* of a file system */
conf_check conf_check_raw_device;
conf_check conf_check_tag;         /* of a virtiofs share */
conf_check conf_check_nfs;         /* SERVER:/EXPORT */
conf_check conf_check_login;       /* USER@SERVER[:PORT] */
conf_check conf_check_web_url;     /* http:// and https:// */
conf_check conf_check_s3_url;
conf_check conf_check_name;        /* letters, digits, ".-_": a region */
conf_check conf_check_command;     /* words without anything that a shell would see more in */
conf_check conf_check_key;         /* base64 of 32 bytes */
conf_check conf_check_binary;      /* one word of extra_bins */
conf_check conf_check_module;      /* one word of extra_modules */
conf_check conf_check_dracut;

/* Is HOST an IPv6 address without brackets, as ssh takes it too? It has no port. */
bool conf_bare_ipv6(struct text host);
/* "90", "90s", "15m", "2h", "30d". */
int conf_seconds(struct text value, uint64_t *seconds);
/* "2G", "512M", "4096K", bytes without a letter. */
int conf_bytes(struct text value, uint64_t *bytes);
/* Digits only. */
int conf_number(struct text value, uint64_t *number);

#endif
