/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_ARGS_H
#define VDPA_ARGS_H

/**
 * @file
 * Device arguments.
 */

#include <stdbool.h>
#include <stdint.h>

#define VDPA_TOKEN_LEN 37 /**< A UUID and its terminator. */

struct vdpa_args {
	char vf_token[VDPA_TOKEN_LEN]; /**< "": none. */
	bool host_notifier; /**< Map the doorbells into the guest. */
	bool relay; /**< Wanted mode: relay. */
	uint32_t reset_timeout_ms;
};

/**
 * Parse the arguments of a device. Without vf_token=, the token is that of EAL.
 * @param name  PCI address, for messages.
 * @return 0, or -EINVAL after a message.
 */
int vdpa_args_parse(struct vdpa_args *args, const char *name, const char *text);

#endif /* VDPA_ARGS_H */
