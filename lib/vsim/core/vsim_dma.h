/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_DMA_H
#define VSIM_DMA_H

/**
 * @file
 * The DMA map of a function.
 */

#include <sys/mman.h>

#include "vsim/core/vsim_fn.h"

/** Files are mapped in whole pages of this size. */
#define VSIM_DMA_PAGE 4096u

/** Exactly what the client mapped. */
struct vsim_dma_piece {
	uint64_t iova, size;
	uint8_t *ptr; /**< Where iova is seen here. */
	int prot;
	uint8_t *map; /**< What was mapped here for it; NULL: memory of the process itself. */
	size_t map_len;
	int window; /**< Index of the window that holds it, or -1. */
	volatile bool lost; /**< Its file was cut short; nothing but zeros stands here now. */
};

/** Pieces that are neighbours both in bus addresses and here, as one. */
struct vsim_dma_seg {
	uint64_t iova, size;
	uint8_t *ptr;
	int prot;
};

/** Address space kept free, so that pieces in it are neighbours as their bus addresses are. */
#define VSIM_DMA_WINDOW (UINT64_C(64) << 30)
#define VSIM_DMA_WINDOWS 16
struct vsim_dma_window {
	uint64_t iova;
	uint8_t *ptr; /**< NULL: free entry. */
	unsigned int nb_pieces;
	bool spoilt; /**< Part of it was lost to somebody else: map nothing new here. */
};

#define VSIM_DMA_PIECES 65536 /**< Most pieces of a function. */

struct vsim_dma {
	struct vsim_dma_piece *pieces; /**< By iova. */
	unsigned int nb_pieces, room;
	struct vsim_dma_seg *segs; /**< By iova; as much room as pieces. */
	unsigned int nb_segs;
	uint64_t bytes;
	volatile unsigned int
			nb_lost; /**< Pieces lost and not yet accounted for; by the handler. */
	struct vsim_dma_window windows[VSIM_DMA_WINDOWS];
};

/** One readable and writable segment, the last one that a queue used. */
struct vsim_dma_cache {
	uint64_t iova, size;
	uint8_t *ptr;
};

/**
 * Where len bytes at iova stand here, for this access (PROT_READ, PROT_WRITE or both).
 * @param len    In: bytes wanted, not 0. Out: bytes that stand there in one piece, at most that.
 * @param cache  Gets the segment when it can be read and written; may be NULL.
 * @return NULL when the first byte is not mapped, or not for that access.
 */
uint8_t *vsim_dma_find(const struct vsim_dma *dma, uint64_t iova, uint64_t *len, int prot,
		struct vsim_dma_cache *cache);

struct vsim_dma *vsim_dma_create(void);
void vsim_dma_free(struct vsim_dma *dma);

/** Map a piece: memory of the process (fd -1), or of a file. @return as vsim_fn_dma_map(). */
int vsim_dma_add(struct vsim_dma *dma, struct vsim_dma_piece *piece, int fd, uint64_t offset);
/** Unmap the pieces of a range. @return as vsim_fn_dma_unmap(). */
int vsim_dma_remove(struct vsim_dma *dma, uint64_t iova, uint64_t size);
void vsim_dma_clear(struct vsim_dma *dma);
/** Bytes mapped for DMA now. */
uint64_t vsim_dma_bytes(const struct vsim_fn *fn);

/** From now on, memory of this NIC that goes away under the calling thread is survived. */
void vsim_dma_guard_enter(struct vsim_nic *nic);
void vsim_dma_guard_leave(void);

#endif /* VSIM_DMA_H */
