/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * "gen:KEY=VALUE,...": a packet generator and sink.
 *
 *   size=N    bytes of a frame without its check sequence, 60..MTU+14; default 64. size=imix: 60,
 *             590 and 1514 (with check sequence 64, 594 and 1518) in the ratio 7:4:1
 *   flows=N   number of flows, 1..4096, default 1; they differ in source address and port, and are
 *             sent in turn over the queue pairs in use
 *   rate=PPS  frames per second; 0 (default): as many as the function has buffers for, none is
 *             lost. With a rate, frames come at their time by the clock of the processor, as on a
 *             wire: those without a buffer are dropped and counted. If the worker is late, at most
 *             64 frames come at once; the others are not sent, and counted as wire_late
 *   delay=US  with a rate: the first frame comes this number of microseconds after the wire was
 *             connected and the data plane runs
 *   count=N   stop after this number of frames; 0 (default): never
 *   fill=frame|headers   what is written into the buffer of the driver for each packet. frame
 *             (default): the whole frame, so that the driver receives a valid packet. headers:
 *             only the first 64 bytes; the rest of the buffer is unchanged, so the UDP checksum is
 *             wrong. Both are the same up to 64 bytes; for larger frames the difference is the
 *             cost of the copy
 *   trip=1    one frame at a time: the next frame is delivered when the last one was sent back by
 *             the same function. The times are counted (round_trip_p50_ns and the like). A frame
 *             that is not sent back within 100 ms is lost
 *   probe=1   at most one frame in 250 is a probe, 4 bytes longer, and one probe is under way at a
 *             time. The time until the same function sends it back is counted as for trip, so
 *             this is the latency under load
 *   check=0|1 check that frames sent back are those that were delivered: the first 64 bytes, except
 *             the addresses (default 0: sent frames are not read)
 *
 * Frames are IPv4/UDP with valid checksums from 198.18.0.0/16 to 198.19.0.1, to the MAC address of
 * the function, made once and copied for each packet. Cost per packet of a worker, from core to
 * core with all other work (bench_vsim): about 70 cycles at 64 bytes, and with fill=headers at any
 * size; with fill=frame about 100 more at 1500 bytes. check reads one more cache line per packet.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vsim/wire/vsim_wire.h"
#include "vsim/core/vsim_clock.h"
#include "vsim/data/vsim_filter.h"
#include "vsim/data/vsim_rxtx.h"
#include "vsim/ring/vsim_queue.h"

#define HEAD 64 /* Bytes that differ between frames; all frames share the rest. */
#define MAX_FLOWS 4096
#define UDP_OFFSET (VSIM_ETHER_LEN + 20)
#define PAYLOAD_OFFSET (UDP_OFFSET + 8)
#define MAGIC 0x67726576u /* First bytes of the payload, before the number of the flow. */
#define MIN_SIZE 60
/* Most frames that come at once after the worker was late. A wire has no such bursts. */
#define MAX_LATE (2 * VSIM_BURST)
#define PROBE_EVERY 250 /* Least number of frames between two probes. */
#define PROBE_EXTRA 4 /* Bytes by which a probe is longer. */
#define MIN_LIST 64 /* Least number of frames listed per queue, so that bursts are full. */

/** Sequence of sizes of imix. */
static const uint16_t imix[] = { 60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 590, 60 };
#define IMIX_LARGEST 1514
#define MAX_PATTERN (sizeof(imix) / sizeof(imix[0]))

struct gen {
	struct vsim_wire wire;
	/* options */
	uint16_t pattern[MAX_PATTERN];
	unsigned int nb_pattern, flows;
	uint64_t rate, count, delay;
	bool headers_only, check, trip, probe;

	/* frames, made again when the MAC address or the number of queue pairs changes */
	uint8_t mac[6];
	unsigned int pairs; /**< 0: not yet made. */
	uint8_t *heads; /**< One per flow and size of the pattern. */
	uint8_t *rest; /**< Bytes after the head, the same in all frames. */
	struct vsim_seg *segs; /**< Two per flow and size. */
	struct vsim_frame *lists; /**< Per pair, list_len frames. */
	unsigned int list_len;
	unsigned int at[VSIM_MAX_QUEUE_PAIRS]; /**< Index in the list of the pair. */

	uint64_t sent;
	uint64_t last; /**< Clock when tokens were added last. */
	double tokens;
	unsigned int next_pair;
	bool away, counting; /**< trip: the driver has the frame; the counters were cleared. */
	uint64_t left; /**< Clock when the frame was delivered. */
	uint64_t next_probe; /**< Value of sent before which no probe is due. */
	uint8_t probe_head[HEAD];
	struct vsim_seg probe_segs[2];
};

static void
put16(uint8_t *at, uint16_t v)
{
	at[0] = v >> 8;
	at[1] = v;
}

static void
put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

/** Ones' complement sum of big-endian words, RFC 1071. */
static uint32_t
sum(const uint8_t *p, size_t len, uint32_t acc)
{
	for (; len > 1; p += 2, len -= 2)
		acc += p[0] << 8 | p[1];
	if (len > 0)
		acc += p[0] << 8;
	return acc;
}

static uint16_t
fold(uint32_t acc)
{
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	return ~acc;
}

/** Write the first HEAD bytes of a frame; zero past the end of a shorter frame. */
static void
head_make(const struct gen *g, uint8_t *h, unsigned int flow, unsigned int size)
{
	uint8_t *ip = h + VSIM_ETHER_LEN, *udp = h + UDP_OFFSET;
	uint32_t acc = 0;
	uint16_t csum;

	memset(h, 0, HEAD);
	memcpy(h, g->mac, 6);
	h[6] = 0x02; /* locally administered */
	put32(h + 8, flow);
	put16(h + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, size - VSIM_ETHER_LEN);
	put16(ip + 6, 0x4000); /* do not fragment */
	ip[8] = 64;
	ip[9] = 17;
	put32(ip + 12, 0xc6120000u + (flow & 0xffff)); /* RFC 2544 addresses */
	put32(ip + 16, 0xc6130001u);
	put16(ip + 10, fold(sum(ip, 20, 0)));
	put16(udp, 1024 + flow);
	put16(udp + 2, 9); /* discard */
	put16(udp + 4, size - UDP_OFFSET);
	put32(h + PAYLOAD_OFFSET, MAGIC);
	put32(h + PAYLOAD_OFFSET + 4, flow);
	for (unsigned int i = PAYLOAD_OFFSET + 8; i < HEAD && i < size; i++)
		h[i] = i;
	acc = sum(ip + 12, 8, 17 + size - UDP_OFFSET);
	acc = sum(udp, (size < HEAD ? size : HEAD) - UDP_OFFSET, acc);
	if (size > HEAD)
		acc = sum(g->rest, size - HEAD, acc);
	csum = fold(acc);
	put16(udp + 6, csum != 0 ? csum : 0xffff);
}

/** Make all heads and the lists of frames of each pair. */
static bool
gen_make(struct gen *g, unsigned int pairs)
{
	unsigned int len = 0;

	if (g->pairs != pairs) {
		/* Flow f is on pair f modulo pairs; each list cycles through its flows and the
		 * pattern of sizes at the same time. */
		len = g->flows * g->nb_pattern;
		while (len < MIN_LIST)
			len *= 2;
		free(g->lists);
		g->lists = calloc((size_t)len * pairs, sizeof(*g->lists));
		if (g->lists == NULL) {
			g->pairs = 0;
			return false;
		}
		g->list_len = len;
		memset(g->at, 0, sizeof(g->at));
		for (unsigned int p = 0; p < pairs; p++) {
			unsigned int mine = g->flows > p ? (g->flows - p + pairs - 1) / pairs : 0;

			for (unsigned int i = 0; i < len && mine > 0; i++) {
				unsigned int flow = p + pairs * (i / g->nb_pattern % mine);
				unsigned int k = flow * g->nb_pattern + i % g->nb_pattern;
				unsigned int size = g->pattern[i % g->nb_pattern];
				struct vsim_seg *s = &g->segs[2 * k];

				s[0] = (struct vsim_seg){ &g->heads[(size_t)k * HEAD],
					size < HEAD ? size : HEAD };
				s[1] = (struct vsim_seg){ g->rest, size - s[0].len };
				g->lists[p * len + i] = (struct vsim_frame){ .ptr = s[0].ptr,
					.len = s[0].len,
					.total = size,
					.nb_segs = size > HEAD ? 2 : 1,
					.segs = s };
			}
		}
		g->pairs = pairs;
	}
	for (unsigned int f = 0; f < g->flows; f++)
		for (unsigned int i = 0; i < g->nb_pattern; i++)
			head_make(g, &g->heads[(size_t)(f * g->nb_pattern + i) * HEAD], f,
					g->pattern[i]);
	return true;
}

/* ---------------------------------------------------------------- options */

static bool
number(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *value <= max;
}

static bool
option(struct gen *g, const char *key, const char *value, uint64_t max_size)
{
	uint64_t n = 0;

	if (strcmp(key, "size") == 0 && strcmp(value, "imix") == 0) {
		memcpy(g->pattern, imix, sizeof(imix));
		g->nb_pattern = MAX_PATTERN;
		return max_size >= IMIX_LARGEST;
	}
	if (strcmp(key, "fill") == 0) {
		g->headers_only = strcmp(value, "headers") == 0;
		return g->headers_only || strcmp(value, "frame") == 0;
	}
	if (!number(value, UINT64_MAX / 2, &n))
		return false;
	if (strcmp(key, "size") == 0) {
		g->pattern[0] = n;
		g->nb_pattern = 1;
		return n >= MIN_SIZE && n <= max_size;
	}
	if (strcmp(key, "flows") == 0) {
		g->flows = n;
		return n >= 1 && n <= MAX_FLOWS;
	}
	if (strcmp(key, "rate") == 0) {
		g->rate = n;
		return n <= 1000000000;
	}
	if (strcmp(key, "delay") == 0) {
		g->delay = n;
		return n <= 1000000;
	}
	if (strcmp(key, "count") == 0) {
		g->count = n;
		return true;
	}
	if (strcmp(key, "trip") == 0) {
		g->trip = n;
		return n <= 1;
	}
	if (strcmp(key, "probe") == 0) {
		g->probe = n;
		return n <= 1;
	}
	g->check = n;
	return strcmp(key, "check") == 0 && n <= 1;
}

static bool
options(struct gen *g, const char *arg, char *err, size_t err_len)
{
	uint32_t max_size = g->wire.nic->conf.mtu + VSIM_ETHER_LEN;
	char *text = strdup(arg), *rest = text, *item;
	bool good = text != NULL;

	while (good && (item = strsep(&rest, ",")) != NULL) {
		char *value = strchr(item, '=');

		if (item[0] == '\0')
			continue;
		if (strcmp(item, "imix") == 0) {
			good = option(g, "size", "imix", max_size);
			item = "size=imix";
		} else {
			if (value != NULL)
				*value++ = '\0';
			good = value != NULL && option(g, item, value, max_size);
		}
		if (!good)
			vsim_wire_error(EINVAL, err, err_len,
					"gen: bad option \"%s%s%s\": size=60..%u or imix (with an "
					"MTU of 1500), "
					"flows=1..%u, rate=PPS, delay=US, count=N, fill=frame|headers, "
					"check=0|1, trip=0|1, probe=0|1",
					item, value != NULL ? "=" : "", value != NULL ? value : "",
					max_size, MAX_FLOWS);
	}
	free(text);
	return good;
}

static void
gen_close(struct vsim_wire *wire)
{
	struct gen *g = (struct gen *)wire;

	free(g->heads);
	free(g->rest);
	free(g->segs);
	free(g->lists);
	free(g);
}

static struct vsim_wire *
gen_open(struct vsim_nic *nic, unsigned int index, const char *arg, char *err, size_t err_len)
{
	struct gen *g = calloc(1, sizeof(*g));
	size_t nb, rest = nic->conf.mtu + VSIM_ETHER_LEN;

	if (g == NULL)
		return vsim_wire_error(ENOMEM, err, err_len, "gen: out of memory");
	g->wire = (struct vsim_wire){ .ops = &vsim_wire_gen,
		.nic = nic,
		.index = index,
		.peer = -1 };
	g->pattern[0] = 64;
	g->nb_pattern = 1;
	g->flows = 1;
	if (!options(g, arg, err, err_len)) {
		gen_close(&g->wire);
		errno = EINVAL;
		return NULL;
	}
	nb = (size_t)g->flows * g->nb_pattern;
	g->heads = aligned_alloc(VSIM_CACHE_LINE, nb * HEAD);
	g->segs = calloc(2 * nb, sizeof(*g->segs));
	g->rest = malloc(rest);
	if (g->heads == NULL || g->segs == NULL || g->rest == NULL) {
		gen_close(&g->wire);
		return vsim_wire_error(ENOMEM, err, err_len, "gen: out of memory");
	}
	for (size_t i = 0; i < rest; i++)
		g->rest[i] = i + HEAD;
	return &g->wire;
}

/* ---------------------------------------------------------------- traffic */

/** Number of frames that may be delivered now. */
static unsigned int
allowance(struct gen *g, struct vsim_fn *fn)
{
	unsigned int n = VSIM_BURST;

	if (g->count > 0 && g->sent >= g->count)
		return 0; /* No frame is late any more. */
	if (g->rate > 0) {
		uint64_t now = vsim_clock();
		uint64_t late;

		if (g->last == 0)
			g->last = now + g->delay * (vsim_clock_hz() / 1000000);
		if (now > g->last)
			g->tokens += (double)(now - g->last) * g->rate / vsim_clock_hz();
		if (now > g->last)
			g->last = now;
		if (g->tokens > MAX_LATE) {
			late = g->tokens - MAX_LATE;
			vsim_count(&fn->counters->wire_late, late);
			g->tokens -= late;
		}
		if (g->tokens < n)
			n = g->tokens;
	}
	if (g->count > 0 && g->count - g->sent < n)
		n = g->count - g->sent;
	return n;
}

static unsigned int
trip_allowance(const struct gen *g)
{
	return g->away && vsim_clock() - g->left < vsim_clock_hz() / 10 ? 0 : 1;
}

static void
trip_begin(struct gen *g, struct vsim_fn *fn)
{
	if (!g->counting)
		for (unsigned int i = 0; i < VSIM_TRIP_BUCKETS; i++)
			__atomic_store_n(&fn->counters->trips[i], 0, __ATOMIC_RELAXED);
	g->counting = true;
	g->away = true;
	g->left = vsim_clock();
}

static void
trip_end(struct gen *g, struct vsim_fn *fn)
{
	uint64_t ns = (double)(vsim_clock() - g->left) * 1e9 / vsim_clock_hz();
	uint32_t *count = &fn->counters->trips[vsim_trip_bucket(ns)];

	if (g->away)
		__atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
	g->away = false;
}

/** The length by which a sent frame is known to be the probe. */
static unsigned int
probe_len(const struct gen *g)
{
	return g->pattern[0] + PROBE_EXTRA;
}

static bool
probe_due(const struct gen *g)
{
	return g->sent >= g->next_probe &&
			!(g->away && vsim_clock() - g->left < vsim_clock_hz() / 10);
}

/** Make frame number i of the burst the probe. */
static void
probe_put(struct gen *g, struct vsim_frame *frame)
{
	unsigned int len = probe_len(g);

	memcpy(g->probe_head, frame->ptr, HEAD);
	head_make(g, g->probe_head, 0, len);
	g->probe_segs[0] = (struct vsim_seg){ g->probe_head, len < HEAD ? len : HEAD };
	g->probe_segs[1] = (struct vsim_seg){ g->rest, len - g->probe_segs[0].len };
	*frame = (struct vsim_frame){ .ptr = g->probe_head,
		.len = g->probe_segs[0].len,
		.total = len,
		.nb_segs = len > HEAD ? 2 : 1,
		.segs = g->probe_segs };
}

static unsigned int
gen_rx(struct vsim_wire *wire, struct vsim_fn *fn)
{
	struct gen *g = (struct gen *)wire;
	unsigned int pairs = atomic_load_explicit(&fn->pairs_in_use, memory_order_relaxed);
	struct vsim_frame burst[VSIM_BURST];
	const struct vsim_frame *frames;
	unsigned int pair, n, done, at = 0;
	struct vsim_queue *q;
	bool probe;

	n = g->trip ? trip_allowance(g) : allowance(g, fn);
	if (n == 0)
		return 0;
	if (unlikely(g->pairs != pairs || memcmp(g->mac, fn->net_config.mac, 6) != 0)) {
		memcpy(g->mac, fn->net_config.mac, 6);
		if (!gen_make(g, pairs))
			return 0;
	}
	pair = g->next_pair < pairs ? g->next_pair : 0;
	g->next_pair = pair + 1;
	if (pair >= g->flows)
		return 0;
	frames = &g->lists[pair * g->list_len + g->at[pair]];
	if (n > g->list_len - g->at[pair])
		n = g->list_len - g->at[pair];
	probe = g->probe && probe_due(g);
	if (g->headers_only || probe) {
		memcpy(burst, frames, n * sizeof(burst[0]));
		/* The place of the probe in a burst varies. */
		at = g->sent % 31 % n;
		if (probe)
			probe_put(g, &burst[at]);
		for (unsigned int i = 0; i < n && g->headers_only; i++)
			burst[i].nb_segs = 1;
		frames = burst;
	}

	q = fn->queue[2 * pair];
	/* All frames have one destination and no tag, so the result of the filter is the same
	 * for all. */
	if (!fn->link_up) {
		vsim_count(&fn->counters->drop_link_down, g->rate > 0 ? n : 0);
		done = g->rate > 0 ? n : 0;
	} else if (q == NULL) {
		vsim_count(&fn->counters->drop_queue_off, g->rate > 0 ? n : 0);
		done = g->rate > 0 ? n : 0;
	} else if (!vsim_filter_accept(fn, frames->ptr)) {
		vsim_count(&fn->counters->drop_filtered, g->rate > 0 ? n : 0);
		done = g->rate > 0 ? n : 0;
	} else {
		uint64_t before = q->ctr->packets;

		done = vsim_rx_queue(q, frames, n, g->rate == 0);
		/* Frames without a buffer are the last ones. */
		if (probe && q->ctr->packets - before > at) {
			trip_begin(g, fn);
			g->next_probe = g->sent + PROBE_EVERY;
		}
	}
	g->at[pair] = (g->at[pair] + done) % g->list_len;
	g->sent += done;
	g->tokens -= done;
	if (g->trip && done > 0)
		trip_begin(g, fn);
	return done;
}

/** Compare the first cache line of the frame with the one that was delivered. */
static bool
returned_whole(const struct gen *g, const struct vsim_frame *f)
{
	uint8_t head[HEAD] = { 0 };
	const uint8_t *sent;
	uint32_t flow;

	vsim_frame_peek(f, head, sizeof(head));
	flow = (uint32_t)head[PAYLOAD_OFFSET + 4] << 24 | head[PAYLOAD_OFFSET + 5] << 16 |
			head[PAYLOAD_OFFSET + 6] << 8 | head[PAYLOAD_OFFSET + 7];
	if (g->probe && f->total == probe_len(g))
		return true;
	if (g->pairs == 0 || flow >= g->flows)
		return false;
	for (unsigned int i = 0; i < g->nb_pattern; i++) {
		if (g->pattern[i] != f->total)
			continue;
		sent = &g->heads[(size_t)(flow * g->nb_pattern + i) * HEAD];
		return memcmp(head + 12, sent + 12, HEAD - 12) == 0;
	}
	return false;
}

static unsigned int
gen_tx(struct vsim_wire *wire, struct vsim_fn *fn, const struct vsim_frame *frames, unsigned int n)
{
	struct gen *g = (struct gen *)wire;
	unsigned int bad = 0;

	if (unlikely(g->trip))
		trip_end(g, fn);
	for (unsigned int i = 0; i < n && g->probe; i++)
		if (unlikely(frames[i].total == probe_len(g)))
			trip_end(g, fn);
	if (likely(!g->check))
		return n;
	for (unsigned int i = 0; i < n; i++)
		bad += !returned_whole(g, &frames[i]);
	if (bad > 0)
		vsim_count(&fn->counters->wire_bad, bad);
	return n;
}

const struct vsim_wire_ops vsim_wire_gen = { .kind = "gen",
	.open = gen_open,
	.close = gen_close,
	.rx = gen_rx,
	.tx = gen_tx };
