/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_SHOW_H
#define BRIDGE_SHOW_H

/**
 * @file
 * Guests as JSON. The caller has the lock of the guest; no function waits for longer than
 * a round of mode copy.
 */

#include "one.h"

/** What a row of a list has for each kind: the wishes, "state" and "reason". */
json_t *show_common(const struct guest *guest);
/** Append the options with which QEMU shares the memory of a guest. */
void show_shared_memory(json_t *options);
/** An option of QEMU as a shell takes it. @param value  Its reference is taken. */
json_t *show_shell_word(const char *option, json_t *value);

/* ------------------------------------------------------------------ guests on vhost-user */

/** pf, vf, pci, socket, state, why, mode, front end: a row of a list. */
json_t *show_guest(const struct guest *guest);
/** The same and more: features, queues, doorbell and interrupt, options for QEMU. */
json_t *show_guest_in_full(const struct guest *guest);
/** Counters. */
json_t *show_guest_stats(const struct guest *guest);

#endif /* BRIDGE_SHOW_H */
