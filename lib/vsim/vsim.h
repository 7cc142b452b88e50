/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_H
#define VSIM_H

/**
 * @file
 * The software NIC: a virtio-net PF with SR-IOV VFs, seen from outside.
 *
 * It behaves as hardware does: registers by region access, memory only through the DMA map of
 * the function, work only when a doorbell was written. It knows nothing of how a host reaches it
 * (vfio-user, VFIO, a rig in one process). virtio 1.4 4.1 and 5.1.
 *
 * Threads: everything that changes state (region access, DMA map, reset, wires) may be called
 * from any thread; calls are serialised by the NIC's lock, and they return only when the workers
 * have let go of what was taken away. The data plane runs in vsim_worker_poll(): one thread per
 * worker at most, or stepped by hand in a test.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio_spec/features.h"

#define VSIM_MAX_VFS 256
#define VSIM_MAX_FNS (1 + VSIM_MAX_VFS) /**< 0 is the PF, 1..256 are VFs. */
#define VSIM_MAX_QUEUE_PAIRS 32
#define VSIM_MAX_WORKERS 16

/** Regions are numbered as in linux/vfio.h: 0..5 BARs, 6 ROM, 7 configuration space. */
#define VSIM_REGION_CONFIG 7
/** The one memory BAR (64 bits wide, so BAR4 and BAR5). */
#define VSIM_BAR 4
/** Its first page: MSI-X table, PBA, common, ISR and device configuration; never mapped. */
#define VSIM_BAR_DOORBELLS 0x1000 /**< From here on: doorbells, plain shared memory. */
/** What the device leaves in a doorbell word it has read. */
#define VSIM_DOORBELL_IDLE 0xffffffffu
/** Offset of a region in the memory that vsim_fn_mem_fd() returns, as in linux/vfio.h. */
#define VSIM_REGION_OFFSET(region) ((uint64_t)(region) << 40)

/** A set of feature bits, VIRTIO_FEATURE_BITS wide. */
struct vsim_features {
	uint64_t w[VIRTIO_FEATURE_BITS / 64];
};

/** Identity and features of a kind of NIC. */
struct vsim_profile {
	const char *name; /**< As typed on a command line. */
	const char *summary; /**< One line for people. */
	uint16_t subsys_vendor, pf_subsys, vf_subsys;
	uint8_t revision;
	struct vsim_features features; /**< Offered by the VFs; the PF adds SR_IOV. */
};

/** All profiles, ended by a NULL name: full, ifc, bluefield, minimal. */
extern const struct vsim_profile vsim_profiles[];

/** The profile of that name, or NULL. */
const struct vsim_profile *vsim_profile_find(const char *name);

/** Number of the feature of that name ("mrg_rxbuf"), or -1. */
int vsim_feature_find(const char *name);
/** Name of a feature bit, or NULL. */
const char *vsim_feature_name(unsigned int bit);

/** Ways in which LEGACY_NOTIFY_INFO can lie. */
enum vsim_notify_lie {
	VSIM_NOTIFY_HONEST,
	VSIM_NOTIFY_NO_END, /**< Four entries, none of them the end mark. */
	VSIM_NOTIFY_BAD_FLAGS, /**< An entry of a kind that is not defined, before good ones. */
	VSIM_NOTIFY_BAD_BAR, /**< BARs that are not there: 0, 2, 7. */
	VSIM_NOTIFY_ODD, /**< Odd offsets. */
	VSIM_NOTIFY_BEYOND, /**< Behind the end of the BAR: into that of the next VF. */
	VSIM_NOTIFY_NB,
};

/** Fault points for tests; all zero in a good device. */
struct vsim_faults {
	bool refuse_features_ok; /**< FEATURES_OK never sticks. */
	bool stray_sr_iov; /**< Functions without an SR-IOV capability offer SR_IOV. */
	uint32_t reset_us; /**< A driver's reset of a function takes so long, microseconds. */
	/* Of administration commands */
	uint64_t admin_opcodes; /**< Bits by opcode: those that the rest concerns; 0: all. */
	uint32_t admin_eagain; /**< So many are answered with EAGAIN and not carried out. */
	uint32_t admin_lose; /**< So many are carried out and never completed. */
	uint32_t admin_delay_us; /**< Each completes so much later. */
	uint16_t admin_status; /**< Not carried out but answered with this; 0: no. */
	uint16_t admin_short; /**< The used length lacks so many bytes. */
	enum vsim_notify_lie notify;
};

/**
 * How a NIC is built.
 *
 * Features: the profile's, plus on, minus off. Whatever then misses a prerequisite goes as well,
 * if the profile brought it ("off ctrl_vq" takes mq and ctrl_rx along); if on brought it, that is
 * an error, and so is a feature that the model does not implement, one in both sets, taking
 * version_1 away (virtio 1.4 6.2: a device must offer it), and sr_iov in on without VFs. off
 * may hold sr_iov: then the PF does not offer it, though it has the capability. admin_vq is the
 * PF's alone, too.
 */
struct vsim_nic_conf {
	const struct vsim_profile *profile;
	struct vsim_features on, off; /**< Features added to and taken from the profile. */
	uint16_t total_vfs; /**< SR-IOV TotalVFs, 0..256; 0: no SR-IOV capability. */
	uint16_t queue_pairs; /**< Per function, 1..VSIM_MAX_QUEUE_PAIRS. */
	uint16_t queue_size; /**< Largest, descriptors; power of two, 2..32768. */
	uint16_t mtu; /**< 68..65535. */
	uint32_t speed; /**< Mb/s. */
	uint8_t mac[6]; /**< Of the PF; VF n has it plus n. */
	unsigned int workers; /**< Data plane threads, 1..VSIM_MAX_WORKERS. */
	uint16_t admin_queues; /**< 1..VSIM_MAX_ADMIN_QUEUES; 0: one. */
	uint8_t pasid_width; /**< Of the PF's PASID capability, bits, 1..20; 0: it has none. */
	uint64_t admin_off; /**< Opcodes that the device does not have, bits. */
	/** Where the specification leaves a hole, take what drivers are known to do. */
	struct {
		bool early_lists; /**< Lists of the SR-IOV group while VF Enable is clear. */
		bool unlisted_caps; /**< Capability commands without LIST_USE. */
		bool swapped_objs; /**< RESOURCE_OBJ_QUERY and _MODIFY by the other numbers. */
	} lenient;
	/** Legacy registers of a VF by other ways, to compare them; see vsim_legacy_alt.c. */
	struct {
		bool window, pair;
	} legacy_alt;
	struct vsim_faults fault; /**< At first; see vsim_nic_faults(). */
};

#define VSIM_MAX_ADMIN_QUEUES 8

struct vsim_nic;
struct vsim_fn;

/**
 * Build a NIC; its VFs exist once VF Enable is written.
 *
 * @param err  Out: one sentence on failure, without newline.
 * @return the NIC, or NULL with errno EINVAL (conf; a feature whose prerequisite is not offered),
 *         ENOMEM, EMFILE.
 */
struct vsim_nic *vsim_nic_create(const struct vsim_nic_conf *conf, char *err, size_t err_len);
/** Stop all, free all. No worker may be polling. NULL is fine. */
void vsim_nic_destroy(struct vsim_nic *nic);

/** Change the fault points from now on; counts start anew. */
void vsim_nic_faults(struct vsim_nic *nic, const struct vsim_faults *faults);

/** Function 0 (PF) or VF 1..NumVFs; NULL when it does not exist now. The pointer stays valid as
 * long as the NIC does: on a VF that went, register access gives -ENODEV and the rest is idle.
 * The same VF of a later VF Enable is the same pointer, with the same counters. */
struct vsim_fn *vsim_nic_fn(struct vsim_nic *nic, unsigned int index);
/** VFs that exist now. Any thread. */
uint16_t vsim_nic_num_vfs(const struct vsim_nic *nic);

/** PCI ids as the bus shows them (a VF's own registers read 0xffff: PCIe 9.3.4.1.1). */
struct vsim_ids {
	uint16_t vendor, device, subsys_vendor, subsys;
	uint8_t revision;
	uint32_t class_code; /**< 24 bits. */
};
void vsim_fn_ids(const struct vsim_fn *fn, struct vsim_ids *ids);

/* ---------------------------------------------------------------- registers, DMA, interrupts */

/** Bytes of a region, 0 when absent. */
uint64_t vsim_fn_region_size(const struct vsim_fn *fn, unsigned int region);
/** MSI-X vectors of the function. */
uint16_t vsim_fn_nb_vectors(const struct vsim_fn *fn);
/** The memory whose page(s) from VSIM_REGION_OFFSET(VSIM_BAR) + VSIM_BAR_DOORBELLS are the
 * doorbells; *size gets their bytes (whole pages). Borrowed. */
int vsim_fn_mem_fd(const struct vsim_fn *fn, uint64_t *size);

/**
 * One access by the driver. BAR accesses are 1, 2 or 4 bytes, naturally aligned (8 is split into
 * two); configuration space takes any length inside it. Accesses to doorbells through here ring.
 * A write that resets something returns when the data plane has let go of it. Memory Space
 * Enable is not looked at: registers answer always.
 * @return 0; -EINVAL out of range or of a bad width; -ENODEV: a VF that is gone (on errors reads
 *         give ones, writes are dropped).
 */
int vsim_fn_read(struct vsim_fn *fn, unsigned int region, uint64_t offset, void *data, size_t len);
int vsim_fn_write(struct vsim_fn *fn, unsigned int region, uint64_t offset, const void *data,
		size_t len);

/**
 * Let the function reach memory: size bytes at bus address iova are fd at offset (mapped here,
 * the descriptor is borrowed). prot as for mmap(2).
 * @return 0, -EEXIST (overlap), -EINVAL (size 0, wrap-around, unaligned), -ENOMEM, or mmap's.
 */
int vsim_fn_dma_map(struct vsim_fn *fn, uint64_t iova, uint64_t size, int prot, int fd,
		uint64_t offset);
/** The same for memory of this process. */
int vsim_fn_dma_map_ptr(struct vsim_fn *fn, uint64_t iova, uint64_t size, int prot, void *ptr);
/** -ENOENT, or -EINVAL when a mapping would be cut. Returns when nobody uses it any more. */
int vsim_fn_dma_unmap(struct vsim_fn *fn, uint64_t iova, uint64_t size);
void vsim_fn_dma_unmap_all(struct vsim_fn *fn);

/** Connect a vector to an eventfd (kept as a duplicate); -1: disconnect. -EINVAL: no such one. */
int vsim_fn_irq_set(struct vsim_fn *fn, uint16_t vector, int eventfd);
/** Trigger a vector now, as the device would. */
int vsim_fn_irq_trigger(struct vsim_fn *fn, uint16_t vector);

/** Function level reset. On a PF it clears VF Enable (PCIe 9.3.3.3.1): the VFs go. Command,
 * BARs and the masks of connected vectors keep their values, as if the operating system had
 * restored them, which every one does after a reset. */
void vsim_fn_reset(struct vsim_fn *fn);

/** Cable in or out: changes the status field, raises the configuration interrupt. */
void vsim_fn_link_set(struct vsim_fn *fn, bool up);

/* ---------------------------------------------------------------- wires */

/**
 * Connect a function to something. Stays through resets and through VF Enable going off and on;
 * index need not exist yet. All functions of one peer wire or switch run on one worker.
 *
 *   null                 nothing comes, all that is sent is taken
 *   tap:NAME             TAP device of the process's network namespace, made if there is none.
 *                        Frames wait in it up to 10 ms for RX buffers; those older than the
 *                        driver are thrown away
 *   peer:INDEX           cable to another function (its own number: to itself), both ends at once;
 *                        the receiver drops and counts what it has no buffers for
 *   switch:NAME          learning switch among all functions that name it: per VLAN, 4096
 *                        addresses, forgotten after five minutes, unknown ones flooded
 *   pcap:IN,OUT[,loop]   plays the classic pcap file IN once (or for ever), as fast as buffers
 *                        are posted, and writes what is sent to OUT; either may be empty
 *   gen:KEY=VALUE,...    generator of valid IPv4/UDP frames, and sink:
 *     size=N | imix      bytes without check sequence, 60..MTU+14, default 64; imix: 60, 590 and
 *                        1514 in the ratio 7:4:1
 *     flows=N            1..4096, default 1; flow f goes to queue pair f modulo pairs in use
 *     rate=PPS           0 (default): as fast as buffers are posted, none lost; else what finds no
 *                        buffer is dropped and counted
 *     count=N            stop after so many, 0 (default): never
 *     fill=frame         (default) the whole frame is written each time: valid at the driver; the
 *                        copy takes some 100 cycles of the worker at 1500 bytes
 *     fill=headers       only its first 64 bytes are, so above 64 bytes the checksum is wrong and
 *                        the payload is what the driver left there: the cost of 64-byte frames
 *     trip=1             one frame at a time, the next when it came back on this function; the
 *                        times are counted: round_trips, round_trip_p50_ns, round_trip_p99_ns
 *     check=1            look whether what is sent is what was received: reads one cache line of
 *                        each frame (wire_bad counts); default 0: the sink touches no payload
 *
 * @return 0 or -errno with one sentence in err.
 */
int vsim_nic_wire(struct vsim_nic *nic, unsigned int index, const char *spec, char *err,
		size_t err_len);
/** The specification given, "null" before any. */
const char *vsim_nic_wire_spec(const struct vsim_nic *nic, unsigned int index);

/* ---------------------------------------------------------------- data plane */

/**
 * One bounded round of worker number w: take doorbells, move packets.
 * @return packets moved and doorbells taken; 0 when there was nothing to do.
 */
unsigned int vsim_worker_poll(struct vsim_nic *nic, unsigned int w);
/** Poll until vsim_worker_stop(), sleeping when idle for long (see the guide of vsr-sim). */
void vsim_worker_run(struct vsim_nic *nic, unsigned int w);
/** Make every vsim_worker_run() return; from any thread or signal handler. */
void vsim_worker_stop(struct vsim_nic *nic);

/* ---------------------------------------------------------------- counters */

/** One counter, as listed by vsim_fn_stats(). */
struct vsim_stat {
	const char *name; /**< "rx_packets", "doorbells", "drop_no_buffer", ... */
	int queue; /**< Virtqueue index, or -1 for the function. */
	uint64_t value;
};

/**
 * Counters of a function, cheap enough to call while traffic runs; zero-valued violations left
 * out. Violations are named "violation_C029" after the rule, see the guide.
 * @return how many there are; at most max are written.
 */
size_t vsim_fn_stats(const struct vsim_fn *fn, struct vsim_stat *out, size_t max);
/** Share of its time that a worker was not idle since the last call, per mille; -1: no such. */
int vsim_worker_busy(struct vsim_nic *nic, unsigned int w);

/** What the driver has set up, for tables. */
struct vsim_fn_state {
	uint8_t device_status;
	struct vsim_features offered, accepted;
	uint16_t queue_pairs; /**< In use now. */
	uint8_t mac[6];
	bool link_up;
	uint64_t dma_bytes; /**< Mapped. */
};
void vsim_fn_get_state(const struct vsim_fn *fn, struct vsim_fn_state *state);

/** Rules of the specification that a driver broke, over all functions and their whole life. */
uint64_t vsim_nic_violations(const struct vsim_nic *nic);

#endif /* VSIM_H */
