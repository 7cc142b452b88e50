/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef RIG_H
#define RIG_H

/**
 * @file
 * The real driver on the simulated NIC, in one process and stepped by hand.
 *
 * EAL runs without hugepages and without PCI. A port of net_vsr is made over a transport that
 * calls the NIC's register functions; the NIC's worker runs only when a test steps it, or while
 * the driver waits for the device. So every case is the same in every run.
 */

#include "../../drivers/net/vsr/vsr_dev.h"
#include "vsim/vsim.h"
#include "vtest.h"

/** What a case wants to run on. */
struct rig_conf {
	const char *profile; /**< NULL: "full". */
	struct vsim_features off; /**< Features that the device does not offer. */
	const char *args; /**< Device arguments, or NULL. */
	const char *wire; /**< NULL: "peer:0", a loop back to itself. */
	uint16_t total_vfs;
	uint16_t queue_size; /**< Largest that the device takes; 0: 256. */
	uint16_t pairs; /**< That the device has; 0: 4. */
	uint16_t mtu; /**< Of the device; 0: 9000. */
	bool refuse_features_ok;
	bool trapped; /**< Doorbells are not mapped: they go through register writes. */
	/** Change what the NIC is built with; may be NULL. */
	void (*tune)(struct vsim_nic_conf *conf);
};

/** A function of the NIC as transport of a driver. */
struct rig_fn {
	struct vio_transport t; /**< First. */
	struct vsim_nic *nic;
	struct vsim_fn *fn;
	struct vio_pci_layout layout;
	uint8_t *doorbells; /**< Mapped pages, NULL when trapped. */
	uint64_t doorbells_len;
	bool deaf; /**< The worker does not run while the driver waits. */
	uint16_t port; /**< Of ethdev; RTE_MAX_ETHPORTS: none. */
};

/** All that a case runs on; rig_open() makes it, rig_close() judges it. */
struct rig {
	struct vsim_nic *nic;
	struct rig_fn fns[4]; /**< By function number: the PF first. */
	struct rte_mempool *pool; /**< 2048 buffers of 2048 bytes, as rig_queues() uses. */
};

/** Start EAL, run the cases. @return exit code. */
int rig_main(int argc, char **argv, const struct vtest_case *cases, size_t nb_cases);

/** Say what runs now; shown when the case fails. */
void rig_note(const char *fmt, ...) __rte_format_printf(1, 2);

/** Build the NIC and probe its PF as a port. */
void rig_open(struct rig *rig, const struct rig_conf *conf);
/** Build the NIC only. */
void rig_open_nic(struct rig *rig, const struct rig_conf *conf);
/** Reach a function without making a port of it; rig_close() lets go of it. */
void rig_attach(struct rig *rig, unsigned int index, bool trapped);
/** Make a port of a function; @return 0 or what the driver's probe said. */
int rig_probe(struct rig *rig, unsigned int index, const char *args, bool trapped);
/** Have the PF, negotiated with SR_IOV by its port, show so many VFs (0: none). */
void rig_vfs_set(struct rig *rig, uint16_t num_vfs);
/** Close the ports; nothing may be leaked, no rule of the specification broken. */
void rig_close(struct rig *rig);
/** The same, for a case that breaks rules or the device on purpose. */
void rig_close_broken(struct rig *rig);

/** Configure a port with so many pairs and descriptors, all RX from this pool. */
int rig_configure(struct rig *rig, unsigned int index, uint16_t nb_queues, uint16_t nb_desc,
		uint64_t rx_offloads, struct rte_mempool *pool);
/** Configure one queue pair of 128 descriptors with scatter if there is, and start. */
void rig_start(struct rig *rig);
/** Run the worker until it has nothing more to do. */
void rig_step(struct rig *rig);

/** A pool of this process, made once per name. */
struct rte_mempool *rig_pool(const char *name, unsigned int nb, uint16_t room);
/** A packet of this many bytes: from pool, in segments of at most seg_len bytes (0: one); the
 * content follows from seed. The Ethernet header is addressed to dst, NULL: the broadcast. */
struct rte_mbuf *rig_packet(struct rte_mempool *pool, uint32_t len, uint16_t seg_len, uint32_t seed,
		const struct rte_ether_addr *dst);
/** The packet is what rig_packet() made of that seed and length, in whatever segments. */
bool rig_packet_is(const struct rte_mbuf *m, uint32_t len, uint32_t seed);

/** Value of a counter of a function, -1 for the queue: of the function; 0 when not listed. */
uint64_t rig_stat(struct rig *rig, unsigned int index, int queue, const char *name);
/** Value of an xstat of the port; fails the case when there is none of that name. */
uint64_t rig_xstat(uint16_t port, const char *name);

/** The device without these. */
struct vsim_features rig_off(const uint8_t *bits, size_t nb);
#define RIG_OFF(...) \
	rig_off((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/** One of the ways a device and the arguments can be. */
struct rig_variant {
	struct rig_conf conf;
	char args[128];
	char name[160];
};
#define RIG_NB_ROWS 3 /**< Rows of each path table that fit the same device, at most. */
#define RIG_NB_VARIANTS (64 * RIG_NB_ROWS)
/** Variant number i: {split, packed} x mergeable x in order x indirect x event index x whether
 * the device has the rest of the transport features, x the rows of the path tables. */
void rig_variant(struct rig_variant *variant, unsigned int i);
/** Device arguments that force row number i of those that fit; with fewer rows, one of them
 * again. Returns the number of characters, as snprintf() does. */
int rig_rows(char *args, size_t len, bool packed, bool mrg, unsigned int i);

#endif /* RIG_H */
