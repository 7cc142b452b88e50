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

/** One mapping of the client. */
struct vsim_dma_piece {
	uint64_t iova, size;
	uint8_t *ptr; /**< Address of iova in this process. */
	int prot;
	uint8_t *map; /**< Address of the mapping of the file; NULL: memory of this process. */
	size_t map_len;
	int window; /**< Index of the window of the piece, or -1. */
	volatile bool lost; /**< The file was truncated; zeros are mapped instead. */
};

/** Pieces that are adjacent both in bus addresses and in this process. */
struct vsim_dma_seg {
	uint64_t iova, size;
	uint8_t *ptr;
	int prot;
};

/** Reserved address space, in which pieces are as far apart as their bus addresses. */
#define VSIM_DMA_WINDOW (UINT64_C(64) << 30)
#define VSIM_DMA_WINDOWS 16
struct vsim_dma_window {
	uint64_t iova;
	uint8_t *ptr; /**< NULL: the entry is free. */
	unsigned int nb_pieces;
	bool spoilt; /**< Other memory may be mapped in the window: use it for no new piece. */
};

#define VSIM_DMA_PIECES 65536 /**< Largest number of pieces of a function. */

struct vsim_dma {
	struct vsim_dma_piece *pieces; /**< Sorted by iova. */
	unsigned int nb_pieces, room;
	struct vsim_dma_seg *segs; /**< Sorted by iova; same capacity as pieces. */
	unsigned int nb_segs;
	uint64_t bytes;
	/** Lost pieces that no worker has counted yet; the signal handler adds to it. */
	volatile unsigned int nb_lost;
	struct vsim_dma_window windows[VSIM_DMA_WINDOWS];
};

/** The last readable and writable segment that a queue used. */
struct vsim_dma_cache {
	uint64_t iova, size;
	uint8_t *ptr;
};

/**
 * Translate len bytes at iova for this access (PROT_READ, PROT_WRITE or both).
 * @param len    In: bytes wanted, not 0. Out: contiguous bytes, at most as many.
 * @param cache  Out: the segment, if it can be read and written; may be NULL.
 * @return the address, or NULL: the first byte is not mapped for this access.
 */
uint8_t *vsim_dma_find(const struct vsim_dma *dma, uint64_t iova, uint64_t *len, int prot,
		struct vsim_dma_cache *cache);

struct vsim_dma *vsim_dma_create(void);
void vsim_dma_free(struct vsim_dma *dma);

/** Add a piece: memory of this process (fd -1), or of a file. @return as vsim_fn_dma_map(). */
int vsim_dma_add(struct vsim_dma *dma, struct vsim_dma_piece *piece, int fd, uint64_t offset);
/** Unmap the pieces of a range. @return as vsim_fn_dma_unmap(). */
int vsim_dma_remove(struct vsim_dma *dma, uint64_t iova, uint64_t size);
void vsim_dma_clear(struct vsim_dma *dma);
/** Bytes mapped for DMA now. */
uint64_t vsim_dma_bytes(const struct vsim_fn *fn);

/** Between enter and leave, the calling thread survives that a client truncates mapped memory of
 * this NIC. */
void vsim_dma_guard_enter(struct vsim_nic *nic);
void vsim_dma_guard_leave(void);

#endif /* VSIM_DMA_H */
