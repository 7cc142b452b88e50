/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * "tap:NAME": a TAP device in the network namespace of the process, created if it does not exist.
 * While the function has no RX buffers, frames wait in the device for a short time only, so that a
 * driver that paused does not receive old frames later.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vsim/wire/vsim_wire.h"
#include "vsim/core/vsim_clock.h"
#include "vsim/data/vsim_rxtx.h"

#define HOLD_MS 10
#define DRAIN 4096 /* Largest number of frames dropped when a driver starts. */
#define TX_IOV 64

struct tap {
	struct vsim_wire wire;
	int fd;
	size_t slot; /**< Size of a slot of the store, bytes. */
	uint8_t *store; /**< VSIM_BURST slots. */
	struct vsim_frame frames[VSIM_BURST]; /**< Frames read; those from first to nb wait. */
	unsigned int first, nb;
	uint64_t waiting_since; /**< Clock when the first of them was refused; 0: none. */
};

static int
tap_attach(const char *name, char *err, size_t err_len)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd;

	if (name[0] == '\0' || strlen(name) >= sizeof(ifr.ifr_name)) {
		vsim_wire_error(EINVAL, err, err_len,
				"tap: \"%s\" is not an interface name (1 to %zu characters)", name,
				sizeof(ifr.ifr_name) - 1);
		return -1;
	}
	memcpy(ifr.ifr_name, name, strlen(name));
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		vsim_wire_error(errno, err, err_len,
				"tap %s: cannot open /dev/net/tun (%s): load the tun module and "
				"run as root",
				name, strerror(errno));
		return -1;
	}
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		int code = errno;

		close(fd);
		vsim_wire_error(code, err, err_len, "tap %s: cannot attach: %s%s", name,
				strerror(code),
				code == EPERM                 ? ": it needs CAP_NET_ADMIN" :
						code == EBUSY ? ": another process uses it" :
								"");
		return -1;
	}
	return fd;
}

static struct vsim_wire *
tap_open(struct vsim_nic *nic, unsigned int index, const char *arg, char *err, size_t err_len)
{
	int fd = tap_attach(arg, err, err_len);
	struct tap *tap;

	if (fd < 0)
		return NULL;
	tap = calloc(1, sizeof(*tap));
	if (tap != NULL) {
		/* One byte more than allowed, so that a frame that is too long is detected. */
		tap->slot = (nic->conf.mtu + VSIM_ETHER_EXTRA + 1 + 63) & ~(size_t)63;
		tap->store = malloc(VSIM_BURST * tap->slot);
	}
	if (tap == NULL || tap->store == NULL) {
		free(tap);
		close(fd);
		return vsim_wire_error(ENOMEM, err, err_len, "tap %s: out of memory", arg);
	}
	tap->wire = (struct vsim_wire){ .ops = &vsim_wire_tap,
		.nic = nic,
		.index = index,
		.peer = -1 };
	tap->fd = fd;
	return &tap->wire;
}

static void
tap_close(struct vsim_wire *wire)
{
	struct tap *tap = (struct tap *)wire;

	close(tap->fd);
	free(tap->store);
	free(tap);
}

static void
tap_start(struct vsim_wire *wire)
{
	struct tap *tap = (struct tap *)wire;

	tap->first = tap->nb = 0;
	tap->waiting_since = 0;
	for (unsigned int i = 0; i < DRAIN; i++)
		if (read(tap->fd, tap->store, tap->slot) < 0)
			break;
}

static unsigned int
tap_rx(struct vsim_wire *wire, struct vsim_fn *fn)
{
	struct tap *tap = (struct tap *)wire;
	unsigned int done;
	bool patient;

	if (tap->first == tap->nb) {
		tap->first = tap->nb = 0;
		while (tap->nb < VSIM_BURST) {
			struct vsim_frame *f = &tap->frames[tap->nb];
			uint8_t *at = tap->store + tap->nb * tap->slot;
			ssize_t n = read(tap->fd, at, tap->slot);

			if (n < VSIM_ETHER_LEN)
				break;
			*f = (struct vsim_frame){ .ptr = at, .len = n, .total = n, .nb_segs = 1 };
			tap->nb++;
		}
		if (tap->nb == 0)
			return 0;
	}
	patient = tap->waiting_since == 0 ||
			vsim_clock() - tap->waiting_since < vsim_clock_hz() / 1000 * HOLD_MS;
	done = vsim_rx_frames(fn, &tap->frames[tap->first], tap->nb - tap->first, patient);
	tap->first += done;
	if (tap->first == tap->nb || done > 0)
		tap->waiting_since = 0;
	else if (tap->waiting_since == 0)
		tap->waiting_since = vsim_clock();
	return done;
}

static unsigned int
tap_tx(struct vsim_wire *wire, struct vsim_fn *fn, const struct vsim_frame *frames, unsigned int n)
{
	struct tap *tap = (struct tap *)wire;
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct vsim_frame *f = &frames[i];
		struct iovec iov[TX_IOV];
		uint8_t flat[65536 + VSIM_ETHER_EXTRA];
		ssize_t sent;

		if (f->nb_segs == 1) {
			sent = write(tap->fd, f->ptr, f->len);
		} else if (f->nb_segs <= TX_IOV) {
			for (unsigned int s = 0; s < f->nb_segs; s++)
				iov[s] = (struct iovec){ f->segs[s].ptr, f->segs[s].len };
			sent = writev(tap->fd, iov, f->nb_segs);
		} else {
			sent = write(tap->fd, flat, vsim_frame_peek(f, flat, sizeof(flat)));
		}
		/* EAGAIN: the queue of the device is full. EIO: the device is down. */
		if (sent < 0)
			break;
	}
	return i;
}

static int
tap_fd(const struct vsim_wire *wire)
{
	const struct tap *tap = (const struct tap *)wire;

	/* While frames wait for RX buffers, the descriptor must not wake the worker. */
	return tap->first == tap->nb ? tap->fd : -1;
}

const struct vsim_wire_ops vsim_wire_tap = { .kind = "tap",
	.open = tap_open,
	.close = tap_close,
	.start = tap_start,
	.rx = tap_rx,
	.tx = tap_tx,
	.fd = tap_fd };
