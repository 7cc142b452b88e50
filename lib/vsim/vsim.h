/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_H
#define VSIM_H

/**
 * @file
 * The software NIC: a virtio-net PF with SR-IOV VFs, seen from outside.
 *
 * The NIC behaves as hardware does: it has registers in regions, it accesses memory only through
 * the DMA map of a function, and it works only when a doorbell was rung. How a host reaches it
 * (vfio-user, VFIO, a rig in one process) is not part of this library. virtio 1.4 4.1 and 5.1.
 *
 * Threads: functions that change state (region access, DMA map, reset, wires) may be called from
 * any thread. The NIC's lock serialises them. They return only when no worker uses what was taken
 * away. The data plane runs in vsim_worker_run(), in at most one thread per worker. A test or a
 * benchmark calls vsim_worker_poll() instead, which makes one round.
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
/** Value that the device leaves in a doorbell word when it has read the word. */
#define VSIM_DOORBELL_IDLE 0xffffffffu
/** Offset of a region in the memory that vsim_fn_mem_fd() returns, as in linux/vfio.h. */
#define VSIM_REGION_OFFSET(region) ((uint64_t)(region) << 40)

/** A set of feature bits, VIRTIO_FEATURE_BITS wide. */
struct vsim_features {
	uint64_t w[VIRTIO_FEATURE_BITS / 64];
};

/** Identity and features of a kind of NIC. */
struct vsim_profile {
	const char *name; /**< Name on a command line. */
	const char *summary; /**< One line for people. */
	uint16_t subsys_vendor, pf_subsys, vf_subsys;
	uint8_t revision;
	struct vsim_features features; /**< Offered by the VFs; a PF offers SR_IOV in addition. */
};

/** All profiles, ended by a NULL name: full, ifc, bluefield, minimal. */
extern const struct vsim_profile vsim_profiles[];

/** The profile of that name, or NULL. */
const struct vsim_profile *vsim_profile_find(const char *name);

/** Number of the feature of that name ("mrg_rxbuf"), or -1. */
int vsim_feature_find(const char *name);
/** Name of a feature bit, or NULL. */
const char *vsim_feature_name(unsigned int bit);

/** Wrong answers to LEGACY_NOTIFY_INFO, for tests. */
enum vsim_notify_fault {
	VSIM_NOTIFY_CORRECT,
	VSIM_NOTIFY_NO_END, /**< Four entries without the end mark. */
	VSIM_NOTIFY_BAD_FLAGS, /**< First an entry with undefined flags, then good ones. */
	VSIM_NOTIFY_BAD_BAR, /**< BARs that do not exist: 0, 2, 7. */
	VSIM_NOTIFY_ODD, /**< Odd offsets. */
	VSIM_NOTIFY_BEYOND, /**< Offsets past the end of the BAR, in the BAR of the next VF. */
	VSIM_NOTIFY_NB,
};

/** Fault points for tests; all zero in a good device. */
struct vsim_faults {
	bool refuse_features_ok; /**< FEATURES_OK is always refused. */
	bool stray_sr_iov; /**< Functions without an SR-IOV capability offer SR_IOV. */
	uint32_t reset_us; /**< Time that a reset by the driver takes, microseconds. */
	/* Of administration commands */
	/** Bits by opcode: commands that admin_eagain, admin_lose and admin_status concern; 0:
	 * all. */
	uint64_t admin_opcodes;
	/** Number of commands to answer with EAGAIN instead of executing them. */
	uint32_t admin_eagain;
	uint32_t admin_lose; /**< Number of commands to execute and never complete. */
	uint32_t admin_delay_us; /**< Delay of each completion, microseconds. */
	/** Status to answer with instead of executing the command; 0: none. */
	uint16_t admin_status;
	uint16_t admin_short; /**< Number of bytes by which the used length is too small. */
	enum vsim_notify_fault notify;
};

/**
 * How a NIC is built.
 *
 * Features: those of the profile, plus on, minus off. A feature of the profile that then lacks a
 * prerequisite is removed as well ("off ctrl_vq" removes mq and ctrl_rx too). Errors are: a
 * feature in on that lacks a prerequisite, a feature that the model does not implement, a feature
 * in both sets, version_1 in off (virtio 1.4 6.2: a device must offer it), and sr_iov in on
 * without VFs. With sr_iov in off, the PF has the SR-IOV capability but does not offer the
 * feature. Only the PF offers sr_iov and admin_vq.
 */
struct vsim_nic_conf {
	const struct vsim_profile *profile;
	struct vsim_features on, off; /**< Features added to and taken from the profile. */
	uint16_t total_vfs; /**< SR-IOV TotalVFs, 0..256; 0: no SR-IOV capability. */
	uint16_t queue_pairs; /**< Per function, 1..VSIM_MAX_QUEUE_PAIRS. */
	uint16_t queue_size; /**< Largest, descriptors; power of two, 2..32768. */
	uint16_t mtu; /**< 68..65535. */
	uint32_t speed; /**< Mb/s. */
	uint8_t mac[6]; /**< Of the PF; the address of VF n is n higher. */
	/** Buffers of a data queue complete in another order than that of the ring, as in a NIC
	 * with several engines (vsim_window.h); without effect where IN_ORDER was accepted. */
	bool shuffled_completions;
	/**
	 * The device sees only what doorbells announced: with NOTIFICATION_DATA the buffers before
	 * the position in the last doorbell, otherwise the buffers that were available when the
	 * device read the last doorbell. The device never suppresses doorbells by flags. With
	 * EVENT_IDX it asks for a doorbell where it has used all buffers that it saw, and then
	 * looks once more, because the driver owes it no doorbell for a buffer that became
	 * available before it asked (virtio 1.4 2.7.10, 2.8.9).
	 */
	bool strict_doorbells;
	/**
	 * The device polls the rings of data queues, and tells drivers that it needs no doorbells
	 * (virtio 1.4 2.7.10, 2.8.10). With EVENT_IDX a split ring cannot say so for good: a driver
	 * may ring once in 65536 buffers. Not with strict_doorbells.
	 */
	bool polled_rings;
	/** The doorbell of each queue is on a page of its own (notify_off_multiplier 4096), so that
	 * it can be mapped alone. */
	bool page_per_vq;
	unsigned int workers; /**< Data plane threads, 1..VSIM_MAX_WORKERS. */
	uint16_t admin_queues; /**< 1..VSIM_MAX_ADMIN_QUEUES; 0: one. */
	/** Of the PASID capability of the PF, bits, 1..20; 0: no capability. */
	uint8_t pasid_width;
	uint64_t admin_off; /**< Opcodes that the device does not support, bits. */
	/** Where the specification is unclear, accept what existing drivers do. */
	struct {
		/** LIST_QUERY and LIST_USE of the SR-IOV group while VF Enable is clear. */
		bool early_lists;
		/** Capability commands without LIST_USE, and in the list of the SR-IOV group. */
		bool unlisted_caps;
		/** The opcodes of RESOURCE_OBJ_QUERY and _MODIFY are swapped. */
		bool swapped_objs;
	} lenient;
	/** Other ways to the legacy registers of a VF, for comparison; see vsim_legacy_alt.c. */
	struct {
		bool window, pair;
	} legacy_alt;
	struct vsim_faults fault; /**< Initial fault points; see vsim_nic_faults(). */
};

#define VSIM_MAX_ADMIN_QUEUES 8

struct vsim_nic;
struct vsim_fn;

/**
 * Build a NIC. The VFs exist when VF Enable has been set.
 *
 * @param err  Out: one sentence on failure, without newline.
 * @return the NIC, or NULL with errno EINVAL (conf; a feature whose prerequisite is not offered),
 *         ENOMEM, EMFILE.
 */
struct vsim_nic *vsim_nic_create(const struct vsim_nic_conf *conf, char *err, size_t err_len);
/** Stop and free everything. No worker may be polling. nic may be NULL. */
void vsim_nic_destroy(struct vsim_nic *nic);

/** Replace the fault points; their counts start again. */
void vsim_nic_faults(struct vsim_nic *nic, const struct vsim_faults *faults);

/** Function 0 (PF) or VF 1..NumVFs; NULL when the function does not exist now. The pointer is
 * valid as long as the NIC. On a VF that was removed, register access returns -ENODEV and all
 * other calls do nothing. When VF Enable is set again, the same VF has the same pointer and the
 * same counters. */
struct vsim_fn *vsim_nic_fn(struct vsim_nic *nic, unsigned int index);
/** VFs that exist now. Any thread. */
uint16_t vsim_nic_num_vfs(const struct vsim_nic *nic);

/** PCI ids as the bus reports them (in the registers of a VF, vendor and device id read 0xffff:
 * PCIe 9.3.4.1.1). */
struct vsim_ids {
	uint16_t vendor, device, subsys_vendor, subsys;
	uint8_t revision;
	uint32_t class_code; /**< 24 bits. */
};
void vsim_fn_ids(const struct vsim_fn *fn, struct vsim_ids *ids);

/* ---------------------------------------------------------------- registers, DMA, interrupts */

/** Size of a region in bytes, 0: no such region. */
uint64_t vsim_fn_region_size(const struct vsim_fn *fn, unsigned int region);
/** MSI-X vectors of the function. */
uint16_t vsim_fn_nb_vectors(const struct vsim_fn *fn);
/** File descriptor of the doorbell memory, which starts at VSIM_REGION_OFFSET(VSIM_BAR) +
 * VSIM_BAR_DOORBELLS. Out: *size, bytes of doorbells (whole pages). The descriptor belongs to
 * the NIC. */
int vsim_fn_mem_fd(const struct vsim_fn *fn, uint64_t *size);
/**
 * Replace the doorbell memory and its descriptor: who has the old ones rings no doorbell any more.
 * Call it after a reset, when the client has left.
 * @return 0 or -errno: nothing has changed.
 */
int vsim_fn_mem_renew(struct vsim_fn *fn);

/**
 * One access by the driver. BAR accesses are 1, 2 or 4 bytes, naturally aligned (8 bytes are split
 * into two accesses); in configuration space any length is allowed. A write to a doorbell rings
 * it. A write that resets something returns when the data plane no longer uses it. Memory Space
 * Enable is ignored: registers can always be accessed.
 * @return 0; -EINVAL out of range or of a bad width; -ENODEV: the VF was removed. After an error
 *         all bits read are ones, and a write has no effect.
 */
int vsim_fn_read(struct vsim_fn *fn, unsigned int region, uint64_t offset, void *data, size_t len);
int vsim_fn_write(struct vsim_fn *fn, unsigned int region, uint64_t offset, const void *data,
		size_t len);

/**
 * Map memory for DMA: size bytes at bus address iova are the file fd at offset. The function maps
 * the file; the descriptor stays with the caller. prot as for mmap(2).
 * @return 0, -EEXIST (overlap), -EINVAL (size 0, wrap-around, unaligned), -ENOMEM, or mmap's.
 */
int vsim_fn_dma_map(struct vsim_fn *fn, uint64_t iova, uint64_t size, int prot, int fd,
		uint64_t offset);
/** As vsim_fn_dma_map(), for memory of this process. */
int vsim_fn_dma_map_ptr(struct vsim_fn *fn, uint64_t iova, uint64_t size, int prot, void *ptr);
/** Unmap whole mappings. @return 0, -ENOENT (nothing is mapped there), or -EINVAL (a mapping is
 * only partly in the range). When the call returns, no worker uses the memory. */
int vsim_fn_dma_unmap(struct vsim_fn *fn, uint64_t iova, uint64_t size);
void vsim_fn_dma_unmap_all(struct vsim_fn *fn);

/** Connect a vector to an eventfd, of which a duplicate is kept; -1: disconnect. @return 0,
 * -EINVAL (no such vector, or no eventfd), or the error of fcntl(2). */
int vsim_fn_irq_set(struct vsim_fn *fn, uint16_t vector, int eventfd);
/** Raise the interrupt of a vector now, as the device does. */
int vsim_fn_irq_trigger(struct vsim_fn *fn, uint16_t vector);

/** Function level reset. On a PF it clears VF Enable (PCIe 9.3.3.3.1), which removes the VFs.
 * Command, BARs and the masks of connected vectors keep their values, because operating systems
 * restore them after every reset. */
void vsim_fn_reset(struct vsim_fn *fn);

/** Plug the cable in or out: changes the status field and raises the configuration interrupt. */
void vsim_fn_link_set(struct vsim_fn *fn, bool up);

/**
 * Give the function another permanent MAC address, as the owner of a NIC can: changes the field mac
 * in place of any address that the driver set, and raises the configuration interrupt.
 * @return 0, or -EINVAL: no unicast address.
 */
int vsim_fn_mac_set(struct vsim_fn *fn, const uint8_t mac[6]);
/**
 * Change the MTU: the field mtu, and the longest frame. Raises the configuration interrupt. virtio
 * 1.4 5.1.4.1 forbids this to a device, and real NICs do it.
 * @return 0, or -EINVAL: less than 68, or more than in the configuration of the NIC.
 */
int vsim_fn_mtu_set(struct vsim_fn *fn, uint16_t mtu);
/**
 * Have an error that only a reset ends: sets NEEDS_RESET, and raises the configuration interrupt.
 * @return 0, or -ENOTCONN: no driver has begun to use the function.
 */
int vsim_fn_break(struct vsim_fn *fn);

/* ---------------------------------------------------------------- wires */

/**
 * Connect a function to a wire. The wire stays connected across resets and changes of VF Enable;
 * the function need not exist yet. All functions of one peer wire or switch run on one worker.
 *
 *   null                 delivers nothing, takes all frames
 *   tap:NAME             TAP device in the network namespace of the process, created if it does not
 *                        exist. Frames wait in it up to 10 ms for RX buffers; frames from before
 *                        the start of the driver are dropped
 *   peer:INDEX           cable to another function (its own number: to itself), set at both ends;
 *                        the receiver drops and counts frames without a buffer
 *   switch:NAME          learning switch between all functions that name it: per VLAN, 4096
 *                        addresses, forgotten after five minutes; unknown addresses are flooded
 *   pcap:IN,OUT[,loop]   plays the classic pcap file IN once (or repeatedly), as fast as buffers
 *                        are posted, and writes sent frames to OUT; either name may be empty
 *   gen:KEY=VALUE,...    generator of valid IPv4/UDP frames, and sink:
 *     size=N | imix      bytes without check sequence, 60..MTU+14, default 64; imix: 60, 590 and
 *                        1514 in the ratio 7:4:1
 *     flows=N            1..4096, default 1; flow f goes to queue pair f modulo pairs in use
 *     rate=PPS           0 (default): as fast as buffers are posted, none is lost; else frames
 *                        without a buffer are dropped and counted, and frames for which the
 *                        worker was too late are not sent and counted (wire_late)
 *     delay=US           with a rate: pause before the first frame, microseconds
 *     count=N            stop after this number of frames, 0 (default): never
 *     fill=frame         (default) the whole frame is written each time, so that the driver
 *                        receives a valid packet; at 1500 bytes the copy costs about 100 cycles
 *     fill=headers       only the first 64 bytes are written, so in longer frames the checksum is
 *                        wrong and the payload is undefined; costs as much as 64-byte frames
 *     trip=1             one frame at a time: the next is delivered when the last one was sent
 *                        back; the times are counted: round_trips, round_trip_p50_ns,
 *                        round_trip_p99_ns
 *     probe=1            at most one frame in 250 is a probe, 4 bytes longer, one at a time;
 *                        its time until the function sends it back is counted as for trip
 *     check=1            check that sent frames are those that were delivered: reads one cache line
 *                        of each frame (wire_bad counts); default 0: sent frames are not read
 *
 * @return 0 or -errno with one sentence in err.
 */
int vsim_nic_wire(struct vsim_nic *nic, unsigned int index, const char *spec, char *err,
		size_t err_len);
/** The specification of the wire; "null" before the first call of vsim_nic_wire(). */
const char *vsim_nic_wire_spec(const struct vsim_nic *nic, unsigned int index);

/* ---------------------------------------------------------------- data plane */

/**
 * One bounded round of worker number w: read doorbells, move packets.
 * @return packets moved plus doorbells found rung; 0 when there was nothing to do.
 */
unsigned int vsim_worker_poll(struct vsim_nic *nic, unsigned int w);
/** Poll until vsim_worker_stop(); sleeps when idle for a while (see the guide of vsr-sim). */
void vsim_worker_run(struct vsim_nic *nic, unsigned int w);
/** Make every vsim_worker_run() return. May be called from any thread or signal handler. */
void vsim_worker_stop(struct vsim_nic *nic);

/* ---------------------------------------------------------------- counters */

/** One counter, as listed by vsim_fn_stats(). */
struct vsim_stat {
	const char *name; /**< "rx_packets", "doorbells", "drop_no_buffer", ... */
	int queue; /**< Virtqueue index, or -1 for the function. */
	uint64_t value;
};

/**
 * Counters of a function; may be called while traffic runs. Violations with the value 0 are left
 * out. Violations are named after the number of the rule, "violation_C029"; see
 * virtio_spec/rules.h.
 * @return number of counters; at most max of them are written to out.
 */
size_t vsim_fn_stats(const struct vsim_fn *fn, struct vsim_stat *out, size_t max);
/** Share of its time that a worker was not idle since the last call, per mille; -1: no such. */
int vsim_worker_busy(struct vsim_nic *nic, unsigned int w);

/** State of a function, for tables. */
struct vsim_fn_state {
	uint8_t device_status;
	struct vsim_features offered, accepted;
	uint16_t queue_pairs; /**< In use now. */
	uint8_t mac[6];
	bool link_up;
	uint64_t dma_bytes; /**< Mapped. */
};
void vsim_fn_get_state(const struct vsim_fn *fn, struct vsim_fn_state *state);

/** Violations by drivers of all functions, since the NIC was created. */
uint64_t vsim_nic_violations(const struct vsim_nic *nic);

#endif /* VSIM_H */
