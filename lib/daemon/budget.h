/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_BUDGET_H
#define DAEMON_BUDGET_H

/**
 * @file
 * What guests may use of this process: open files, maps, and memory that the IOMMU pins.
 *
 * A guest that is admitted has its files and BUDGET_MAPS maps for sure: they are set aside for it.
 * More maps it gets while there are some that are set aside for nobody. So a guest, or several
 * guests that act together, can take nothing that the daemon or another guest needs.
 *
 * Any thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define BUDGET_MAPS 128 /**< Maps that every guest can have. */
#define BUDGET_MAPS_MAX 4096 /**< Maps that one guest can have. */
/** Open files of a guest besides one per vector; those of a message twice, to set vectors. */
#define BUDGET_FILES 44

/** What there is for all guests, and bytes that one guest may map. */
struct budget {
	uint64_t files, maps, bytes, guest_bytes;
};

/** What is set aside for one guest. */
struct budget_guest {
	uint64_t files, maps, bytes; /**< files 0: not admitted. */
};

/**
 * Find out what this process may use, after base_files_raise().
 * @param guest_bytes  Bytes that one guest may map. 0: half of the memory of this machine, and all
 *                     guests together three quarters of it.
 */
struct budget budget_of_process(uint64_t guest_bytes);
/** Set what there is, before the first guest. Without this call there is no limit. */
void budget_set(const struct budget *budget);

/**
 * Admit a guest with this number of interrupt vectors.
 * @return 0, or -EMFILE or -ENOSPC with the error text, which says what to raise.
 */
int budget_admit(struct budget_guest *guest, unsigned int nb_vectors, struct err *err);
/** Give back everything that a guest has. No effect for one that is not admitted. */
void budget_leave(struct budget_guest *guest);

/**
 * Take a map of this number of bytes.
 * @return 0, -ENOSPC (no map is left for this guest), or -ENOMEM (it would be too much memory).
 */
int budget_map(struct budget_guest *guest, uint64_t bytes);
void budget_unmap(struct budget_guest *guest, uint64_t bytes);

/**
 * Set the bytes that a guest shares with this process, all together; of one that is not admitted
 * too. 0 gives them back.
 * @return 0, or -ENOMEM with the error text, and the guest keeps what it has.
 */
int budget_share(struct budget_guest *guest, uint64_t bytes, struct err *err);

/** Bytes of all guests now. */
uint64_t budget_bytes(void);

#endif /* DAEMON_BUDGET_H */
