/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * "pcap:IN,OUT[,loop]": plays the capture file IN to the function, once (or repeatedly), as fast
 * as the function posts buffers, and writes the frames that the function sends to OUT. Either name
 * may be empty.
 *
 * Classic pcap files of both byte orders, with micro- or nanoseconds; timestamps of IN are
 * ignored.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vsim/wire/vsim_wire.h"
#include "vsim/data/vsim_rxtx.h"

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define LINKTYPE_ETHERNET 1

struct pcap_file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, sigfigs, snaplen, linktype;
};

struct pcap_record {
	uint32_t sec, frac, incl_len, orig_len;
};

struct pcap {
	struct vsim_wire wire;
	FILE *in, *out;
	bool swapped, loop;
	size_t slot;
	uint8_t *store; /**< VSIM_BURST frames. */
	struct vsim_frame frames[VSIM_BURST];
	unsigned int first, nb;
	uint64_t played; /**< Frames since the file was last started. */
};

static void
pcap_close(struct vsim_wire *wire)
{
	struct pcap *p = (struct pcap *)wire;

	if (p->in != NULL)
		fclose(p->in);
	if (p->out != NULL)
		fclose(p->out);
	free(p->store);
	free(p);
}

/** Read and check the file header. @return NULL, or the error as a sentence. */
static const char *
in_begin(struct pcap *p)
{
	struct pcap_file_header h;

	rewind(p->in);
	p->played = 0;
	if (fread(&h, sizeof(h), 1, p->in) != 1)
		return "it is too short for a capture";
	p->swapped = h.magic == __builtin_bswap32(MAGIC_US) ||
			h.magic == __builtin_bswap32(MAGIC_NS);
	if (!p->swapped && h.magic != MAGIC_US && h.magic != MAGIC_NS)
		return "it is not in the classic pcap format";
	if ((p->swapped ? __builtin_bswap32(h.linktype) : h.linktype) != LINKTYPE_ETHERNET)
		return "its frames are not Ethernet";
	return NULL;
}

static bool
out_begin(struct pcap *p)
{
	const struct pcap_file_header h = { .magic = MAGIC_NS,
		.major = 2,
		.minor = 4,
		.snaplen = 262144,
		.linktype = LINKTYPE_ETHERNET };

	return fwrite(&h, sizeof(h), 1, p->out) == 1 && fflush(p->out) == 0;
}

static struct vsim_wire *
pcap_open_files(struct pcap *p, const char *in, const char *out, char *err, size_t err_len)
{
	const char *wrong;
	int code = EINVAL;

	if (in[0] != '\0') {
		p->in = fopen(in, "rbe");
		if (p->in == NULL) {
			code = errno;
			vsim_wire_error(code, err, err_len, "pcap: cannot read %s: %s", in,
					strerror(code));
			goto fail;
		}
		wrong = in_begin(p);
		if (wrong != NULL) {
			vsim_wire_error(code, err, err_len, "pcap: cannot play %s: %s", in, wrong);
			goto fail;
		}
	}
	if (out[0] != '\0') {
		p->out = fopen(out, "wbe");
		if (p->out == NULL || !out_begin(p)) {
			code = errno;
			vsim_wire_error(code, err, err_len, "pcap: cannot write %s: %s", out,
					strerror(code));
			goto fail;
		}
	}
	return &p->wire;

fail:
	pcap_close(&p->wire);
	errno = code;
	return NULL;
}

static struct vsim_wire *
pcap_open(struct vsim_nic *nic, unsigned int index, const char *arg, char *err, size_t err_len)
{
	struct pcap *p = calloc(1, sizeof(*p));
	char *text = strdup(arg), *rest = text, *in = NULL, *out = NULL, *mode = NULL;
	struct vsim_wire *wire = NULL;

	if (p == NULL || text == NULL)
		goto no_memory;
	p->wire = (struct vsim_wire){ .ops = &vsim_wire_pcap,
		.nic = nic,
		.index = index,
		.peer = -1 };
	p->slot = nic->conf.mtu + VSIM_ETHER_EXTRA + 1;
	p->store = malloc(VSIM_BURST * p->slot);
	if (p->store == NULL)
		goto no_memory;
	in = strsep(&rest, ",");
	out = strsep(&rest, ",");
	mode = strsep(&rest, ",");
	p->loop = mode != NULL && strcmp(mode, "loop") == 0;
	if (out == NULL || (mode != NULL && !p->loop) || rest != NULL) {
		vsim_wire_error(EINVAL, err, err_len,
				"pcap needs \"pcap:IN,OUT\" or \"pcap:IN,OUT,loop\"");
		pcap_close(&p->wire);
	} else {
		wire = pcap_open_files(p, in, out, err, err_len);
	}
	free(text);
	return wire;

no_memory:
	free(text);
	free(p);
	return vsim_wire_error(ENOMEM, err, err_len, "pcap: out of memory");
}

/** Read the next frame of the file into a slot of the store; a longer frame is cut. @return
 * false: end of file. */
static bool
in_next(struct pcap *p, struct vsim_frame *f, uint8_t *at)
{
	struct pcap_record rec;
	uint32_t len, kept;

	if (fread(&rec, sizeof(rec), 1, p->in) != 1)
		return false;
	len = p->swapped ? __builtin_bswap32(rec.incl_len) : rec.incl_len;
	kept = len < p->slot ? len : p->slot;
	if (fread(at, 1, kept, p->in) != kept || fseek(p->in, len - kept, SEEK_CUR) < 0)
		return false;
	*f = (struct vsim_frame){ .ptr = at, .len = kept, .total = kept, .nb_segs = 1 };
	return true;
}

static void
in_fill(struct pcap *p)
{
	p->first = p->nb = 0;
	while (p->nb < VSIM_BURST) {
		struct vsim_frame *f = &p->frames[p->nb];

		if (!in_next(p, f, p->store + p->nb * p->slot)) {
			/* A file without frames would be started again for ever. */
			if (p->loop && p->played > 0 && in_begin(p) == NULL)
				continue;
			fclose(p->in);
			p->in = NULL;
			return;
		}
		p->played++;
		if (f->total >= VSIM_ETHER_LEN)
			p->nb++;
	}
}

static unsigned int
pcap_rx(struct vsim_wire *wire, struct vsim_fn *fn)
{
	struct pcap *p = (struct pcap *)wire;
	unsigned int done;

	if (p->first == p->nb) {
		if (p->in == NULL)
			return 0;
		in_fill(p);
	}
	done = vsim_rx_frames(fn, &p->frames[p->first], p->nb - p->first, true);
	p->first += done;
	return done;
}

static unsigned int
pcap_tx(struct vsim_wire *wire, struct vsim_fn *fn, const struct vsim_frame *frames, unsigned int n)
{
	struct pcap *p = (struct pcap *)wire;
	struct timespec now;
	unsigned int i;

	if (p->out == NULL)
		return n;
	clock_gettime(CLOCK_REALTIME, &now);
	for (i = 0; i < n; i++) {
		const struct vsim_frame *f = &frames[i];
		const struct vsim_seg one = { (uint8_t *)(uintptr_t)f->ptr, f->len };
		const struct vsim_seg *segs = f->nb_segs == 1 ? &one : f->segs;
		const struct pcap_record rec = { now.tv_sec, now.tv_nsec, f->total, f->total };
		bool good = fwrite(&rec, sizeof(rec), 1, p->out) == 1;

		for (unsigned int s = 0; s < f->nb_segs && good; s++)
			good = fwrite(segs[s].ptr, 1, segs[s].len, p->out) == segs[s].len;
		if (!good)
			break;
	}
	/* Other programs can read the file while it grows. */
	return fflush(p->out) == 0 ? i : 0;
}

const struct vsim_wire_ops vsim_wire_pcap = { .kind = "pcap",
	.open = pcap_open,
	.close = pcap_close,
	.rx = pcap_rx,
	.tx = pcap_tx };
