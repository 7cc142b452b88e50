/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The DMA map of a function: which bus addresses it may access, and their addresses in this
 * process.
 *
 * Clients map their memory in many pieces (one huge page each) that are adjacent in bus addresses.
 * Inside windows of reserved address space they are mapped adjacent in this process too, so that a
 * whole heap is one segment and the one-entry cache of a queue nearly always hits.
 *
 * A file must have all the pages that a client maps. The client may truncate the file later; an
 * access to the missing part raises SIGBUS. The handler below maps zeros instead and counts the
 * piece as lost; the worker then sets NEEDS_RESET. The handler is installed with the first
 * function, calls the previous handler for all other faults, and searches only the NIC that the
 * faulting thread works for.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vsim/core/vsim_dma.h"

#ifndef HUGETLBFS_MAGIC
#define HUGETLBFS_MAGIC 0x958458f6
#endif

static __thread struct vsim_nic *guarded;
static struct sigaction bus_before;

/* ---------------------------------------------------------------- lookup */

/** Index of the first piece or segment that ends at or above the address (binary search); n:
 * none. */
#define FIRST_BEHIND(array, n, address)                                              \
	({                                                                           \
		unsigned int lo_ = 0, hi_ = (n);                                     \
		while (lo_ < hi_) {                                                  \
			unsigned int mid_ = lo_ + (hi_ - lo_) / 2;                   \
			if ((array)[mid_].iova + (array)[mid_].size - 1 < (address)) \
				lo_ = mid_ + 1;                                      \
			else                                                         \
				hi_ = mid_;                                          \
		}                                                                    \
		lo_;                                                                 \
	})

uint8_t *
vsim_dma_find(const struct vsim_dma *dma, uint64_t iova, uint64_t *len, int prot,
		struct vsim_dma_cache *cache)
{
	unsigned int i = FIRST_BEHIND(dma->segs, dma->nb_segs, iova);
	const struct vsim_dma_seg *seg = &dma->segs[i];
	uint64_t rest;

	if (i == dma->nb_segs || iova < seg->iova || (seg->prot & prot) != prot)
		return NULL;
	rest = seg->size - (iova - seg->iova);
	if (*len > rest)
		*len = rest;
	/* A look-up in the cache has no direction, so the segment must allow both. */
	if (cache != NULL && seg->prot == (PROT_READ | PROT_WRITE)) {
		cache->iova = seg->iova;
		cache->size = seg->size;
		cache->ptr = seg->ptr;
	}
	return seg->ptr + (iova - seg->iova);
}

static void
dma_merge(struct vsim_dma *dma)
{
	struct vsim_dma_seg *seg = NULL;

	dma->nb_segs = 0;
	dma->bytes = 0;
	for (unsigned int i = 0; i < dma->nb_pieces; i++) {
		const struct vsim_dma_piece *p = &dma->pieces[i];

		dma->bytes += p->size;
		if (seg != NULL && seg->iova + seg->size == p->iova &&
				seg->ptr + seg->size == p->ptr && seg->prot == p->prot) {
			seg->size += p->size;
			continue;
		}
		seg = &dma->segs[dma->nb_segs++];
		*seg = (struct vsim_dma_seg){ p->iova, p->size, p->ptr, p->prot };
	}
}

uint64_t
vsim_dma_bytes(const struct vsim_fn *fn)
{
	return fn->dma == NULL ? 0 : fn->dma->bytes;
}

/* ---------------------------------------------------------------- placing memory */

static void *
reserve(void *hint, size_t len, int flags)
{
	void *p = mmap(hint, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags,
			-1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/** Index of the window of this range, made if an entry is free; -1: none. */
static int
window_get(struct vsim_dma *dma, uint64_t iova, uint64_t size)
{
	uint64_t base = iova & ~(VSIM_DMA_WINDOW - 1);
	uint8_t *hint = NULL;
	uint8_t *raw;
	int i, unused = -1;

	if (((iova + size - 1) & ~(VSIM_DMA_WINDOW - 1)) != base)
		return -1;
	for (i = 0; i < VSIM_DMA_WINDOWS; i++) {
		struct vsim_dma_window *w = &dma->windows[i];

		if (w->ptr == NULL)
			unused = i;
		else if (w->iova == base)
			return w->spoilt ? -1 : i;
		else if (w->iova + VSIM_DMA_WINDOW == base)
			hint = w->ptr + VSIM_DMA_WINDOW;
		else if (w->iova - VSIM_DMA_WINDOW == base)
			hint = w->ptr - VSIM_DMA_WINDOW;
	}
	if (unused < 0)
		return -1;
	/* Adjacent to a neighbour if that address is free, else anywhere, aligned for large
	 * pages. */
	raw = hint == NULL ? NULL : reserve(hint, VSIM_DMA_WINDOW, MAP_FIXED_NOREPLACE);
	if (raw == NULL) {
		const size_t align = UINT64_C(1) << 30;
		size_t head;

		raw = reserve(NULL, VSIM_DMA_WINDOW + align, 0);
		if (raw == NULL)
			return -1;
		head = -(uintptr_t)raw & (align - 1);
		if (head > 0)
			munmap(raw, head);
		munmap(raw + head + VSIM_DMA_WINDOW, align - head);
		raw += head;
	}
	dma->windows[unused] = (struct vsim_dma_window){ .iova = base, .ptr = raw };
	return unused;
}

static void
window_put(struct vsim_dma *dma, int window)
{
	struct vsim_dma_window *w = &dma->windows[window];

	if (--w->nb_pieces > 0)
		return;
	/* Other memory may be mapped in a spoilt window: do not unmap it. */
	if (!w->spoilt)
		munmap(w->ptr, VSIM_DMA_WINDOW);
	w->ptr = NULL;
}

/** Map a file range in the window of its bus address, or anywhere if that is not possible. */
static int
piece_map(struct vsim_dma *dma, struct vsim_dma_piece *p, int fd, uint64_t offset)
{
	const int flags = MAP_SHARED | MAP_NORESERVE;
	struct statfs fs;
	struct stat st;
	uint64_t page = VSIM_DMA_PAGE, head, len;
	int ret;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (fs.f_type == HUGETLBFS_MAGIC && fs.f_bsize > 0)
		page = fs.f_bsize;
	/* Linux cannot pin a page behind the end of a file. The last page may be partial. */
	if (S_ISREG(st.st_mode) &&
			(((uint64_t)st.st_size + page - 1) & ~(page - 1)) < offset + p->size)
		return -EFAULT;
	head = offset & (page - 1);
	len = (head + p->size + page - 1) & ~(page - 1);

	p->window = -1;
	if (head == 0 && len == p->size && (p->iova & (page - 1)) == 0)
		p->window = window_get(dma, p->iova, p->size);
	if (p->window >= 0) {
		struct vsim_dma_window *w = &dma->windows[p->window];
		uint8_t *at = w->ptr + (p->iova - w->iova);

		w->nb_pieces++;
		if (mmap(at, p->size, p->prot, flags | MAP_FIXED, fd, offset) != MAP_FAILED) {
			p->map = p->ptr = at;
			p->map_len = p->size;
			return 0;
		}
		ret = -errno;
		/* The kernel may have removed the reservation before it failed. */
		if (reserve(at, p->size, MAP_FIXED_NOREPLACE) == NULL && errno != EEXIST)
			w->spoilt = true;
		window_put(dma, p->window);
		p->window = -1;
		return ret;
	}
	p->map = mmap(NULL, len, p->prot, flags, fd, offset - head);
	if (p->map == MAP_FAILED)
		return -errno;
	p->map_len = len;
	p->ptr = p->map + head;
	return 0;
}

static void
piece_unmap(struct vsim_dma *dma, struct vsim_dma_piece *p)
{
	if (p->map == NULL)
		return;
	if (p->window < 0) {
		munmap(p->map, p->map_len);
		return;
	}
	/* No mapping is left: make the memory at least inaccessible. */
	if (reserve(p->map, p->map_len, MAP_FIXED) == NULL)
		mprotect(p->map, p->map_len, PROT_NONE);
	window_put(dma, p->window);
}

/* ---------------------------------------------------------------- map, unmap */

/** Insert a piece at index i. */
static int
piece_insert(struct vsim_dma *dma, unsigned int i, const struct vsim_dma_piece *piece)
{
	if (dma->nb_pieces == dma->room) {
		unsigned int room = dma->room == 0 ? 64 : 2 * dma->room;
		struct vsim_dma_piece *pieces;
		struct vsim_dma_seg *segs;

		if (dma->nb_pieces >= VSIM_DMA_PIECES)
			return -ENOMEM;
		pieces = realloc(dma->pieces, room * sizeof(*pieces));
		if (pieces == NULL)
			return -ENOMEM;
		dma->pieces = pieces;
		segs = realloc(dma->segs, room * sizeof(*segs));
		if (segs == NULL)
			return -ENOMEM;
		dma->segs = segs;
		dma->room = room;
	}
	memmove(&dma->pieces[i + 1], &dma->pieces[i], (dma->nb_pieces - i) * sizeof(*dma->pieces));
	dma->pieces[i] = *piece;
	dma->nb_pieces++;
	return 0;
}

int
vsim_dma_add(struct vsim_dma *dma, struct vsim_dma_piece *piece, int fd, uint64_t offset)
{
	unsigned int i = FIRST_BEHIND(dma->pieces, dma->nb_pieces, piece->iova);
	int ret;

	if (i < dma->nb_pieces && dma->pieces[i].iova <= piece->iova + piece->size - 1)
		return -EEXIST;
	if (fd >= 0) {
		ret = piece_map(dma, piece, fd, offset);
		if (ret < 0)
			return ret;
	}
	ret = piece_insert(dma, i, piece);
	if (ret < 0) {
		piece_unmap(dma, piece);
		return ret;
	}
	dma_merge(dma);
	return 0;
}

int
vsim_dma_remove(struct vsim_dma *dma, uint64_t iova, uint64_t size)
{
	unsigned int first = FIRST_BEHIND(dma->pieces, dma->nb_pieces, iova);
	unsigned int end;

	for (end = first; end < dma->nb_pieces && dma->pieces[end].iova < iova + size; end++) {
		const struct vsim_dma_piece *p = &dma->pieces[end];

		if (p->iova < iova || p->iova + p->size > iova + size)
			return -EINVAL;
	}
	if (first == end)
		return -ENOENT;
	for (unsigned int i = first; i < end; i++)
		piece_unmap(dma, &dma->pieces[i]);
	memmove(&dma->pieces[first], &dma->pieces[end],
			(dma->nb_pieces - end) * sizeof(*dma->pieces));
	dma->nb_pieces -= end - first;
	dma_merge(dma);
	return 0;
}

void
vsim_dma_clear(struct vsim_dma *dma)
{
	for (unsigned int i = 0; i < dma->nb_pieces; i++)
		piece_unmap(dma, &dma->pieces[i]);
	dma->nb_pieces = 0;
	dma->nb_lost = 0;
	dma_merge(dma);
}

/* ---------------------------------------------------------------- truncated memory */

/** The file of the piece was truncated: replace the whole piece by zeros, for pages of any size. */
static bool
piece_replace(struct vsim_dma *dma, uint8_t *at)
{
	for (unsigned int i = 0; i < dma->nb_pieces; i++) {
		struct vsim_dma_piece *p = &dma->pieces[i];

		if (p->map == NULL || at < p->map || at >= p->map + p->map_len || p->lost)
			continue;
		if (mmap(p->map, p->map_len, PROT_READ | PROT_WRITE,
				    MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
				    0) == MAP_FAILED)
			return false;
		p->lost = true;
		dma->nb_lost++;
		return true;
	}
	return false;
}

static void
bus_handler(int sig, siginfo_t *info, void *context)
{
	struct vsim_nic *nic = guarded;
	int saved = errno;

	/* The map cannot change now: the faulting thread holds the lock of its worker. */
	for (unsigned int i = 0; nic != NULL && i < VSIM_MAX_FNS; i++) {
		struct vsim_fn *fn = nic->fns[i];

		if (fn != NULL && fn->dma != NULL && piece_replace(fn->dma, info->si_addr)) {
			errno = saved;
			return;
		}
	}
	errno = saved;
	if (bus_before.sa_flags & SA_SIGINFO)
		bus_before.sa_sigaction(sig, info, context);
	else if (bus_before.sa_handler != SIG_DFL && bus_before.sa_handler != SIG_IGN)
		bus_before.sa_handler(sig);
	else
		signal(SIGBUS, SIG_DFL); /* The access is repeated and terminates the process. */
}

static void
bus_install(void)
{
	struct sigaction sa = { .sa_sigaction = bus_handler, .sa_flags = SA_SIGINFO };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, &bus_before);
}

void
vsim_dma_guard_enter(struct vsim_nic *nic)
{
	guarded = nic;
}

void
vsim_dma_guard_leave(void)
{
	guarded = NULL;
}

struct vsim_dma *
vsim_dma_create(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, bus_install);
	return calloc(1, sizeof(struct vsim_dma));
}

void
vsim_dma_free(struct vsim_dma *dma)
{
	if (dma == NULL)
		return;
	vsim_dma_clear(dma);
	free(dma->pieces);
	free(dma->segs);
	free(dma);
}
