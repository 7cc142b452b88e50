/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A VF that lib/vpci shows to a guest: unchanged, with other registers, and as a transitional
 * function with a legacy driver. The guest is a vfio-user client in this process. */

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "vpci/vpci_legacy.h"

#include "test/fixture/admin_owner.h"
#include "test/fixture/rig.h"
#include "test/fixture/vsim_backend.h"
#include "test/fixture/vsim_driver.h"
#include "vsim/core/vsim_event.h"

#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define LEGACY(field) offsetof(struct virtio_legacy_hdr, field)
#define GUEST_IOVA UINT64_C(0x20000000)
#define GUEST_MEM (1024 * 1024)
#define GUEST_BUFS (GUEST_MEM - 64 * 1024)

static struct rig rig;
static struct vio_dev dev;
static struct vio_admin *admin;
static struct vpci_legacy *legacy;
static struct vuser_client *guest;
static struct vsim_fn *vf;
static uint8_t *mem;

static struct vpci_legacy_conf
legacy_conf(void)
{
	return (struct vpci_legacy_conf){ .ops = &admin_owner_ops, .owner = admin, .vf = 1 };
}

/* An owner that uses all commands, and two VFs; the wire of VF 1 leads back to VF 1. */
static void
owner_open(uint64_t wanted)
{
	const struct vio_features features = VIO_FEATURES(VIRTIO_F_VERSION_1,
			VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_SR_IOV, VIRTIO_F_ADMIN_VQ);
	const struct vio_admin_conf admin_conf = { .name = "vpci" };
	const struct rig_conf conf = { .total_vfs = 2 };
	char err[128];

	rig_open_nic(&rig, &conf);
	rig_attach(&rig, 0, false);
	vio_dev_init(&dev, &rig.fns[0].t);
	VTEST_EQ(vio_dev_negotiate(&dev, &features, &features), 0);
	admin = vio_admin_create(&dev, &admin_conf);
	VTEST(admin != NULL);
	VTEST_EQ(vio_admin_enable(admin), 0);
	vio_dev_driver_ok(&dev);
	rig_vfs_set(&rig, 2);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, wanted, NULL), 0);
	VTEST_EQ(vsim_nic_wire(rig.nic, 1, "peer:1", err, sizeof(err)), 0);
	vf = vsim_nic_fn(rig.nic, 1);
}

static void
guest_open(void)
{
	const struct vpci_backend backend = backend_of(vf);
	const struct vpci_legacy_conf conf = legacy_conf();
	char err[128] = "";
	int fd;

	VTEST_EQ(vpci_legacy_create(&backend, &conf, NULL, &legacy, err, sizeof(err)), 0);
	vpci_legacy_doorbell_find(legacy);
	guest = vuser_client_attach(vpci_server(vpci_legacy_fn(legacy)));
	VTEST(guest != NULL);
	fd = memfd_create("guest", MFD_CLOEXEC);
	VTEST(fd >= 0 && ftruncate(fd, GUEST_MEM) == 0);
	mem = mmap(NULL, GUEST_MEM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	VTEST(mem != MAP_FAILED);
	VTEST_EQ(vuser_client_dma_map(guest, GUEST_IOVA, GUEST_MEM, PROT_READ | PROT_WRITE, fd, 0),
			0);
	close(fd);
}

static void
put(unsigned int region, uint64_t offset, uint64_t value, size_t len)
{
	value = rte_cpu_to_le_64(value);
	VTEST_EQ(vuser_client_region_write(guest, region, offset, &value, len), 0);
}

static uint64_t
get(unsigned int region, uint64_t offset, size_t len)
{
	uint64_t value = 0;

	VTEST_EQ(vuser_client_region_read(guest, region, offset, &value, len), 0);
	return rte_le_to_cpu_64(value);
}

static void
all_open(void)
{
	owner_open(UINT64_MAX);
	guest_open();
	put(CONFIG, PCI_CFG_COMMAND,
			PCI_COMMAND_IO_SPACE | PCI_COMMAND_MEM_SPACE | PCI_COMMAND_BUS_MASTER, 2);
}

static void
owner_close(void)
{
	VTEST_EQ(vio_dev_reset(&dev), 0);
	vio_admin_free(admin);
	admin = NULL;
	rig_close(&rig);
}

static void
all_close(void)
{
	vuser_client_close(guest);
	vpci_legacy_destroy(legacy);
	munmap(mem, GUEST_MEM);
	owner_close();
}

static uint64_t
commands_seen(void)
{
	return rig_stat(&rig, 0, -1, "admin_legacy_common_cfg_write") +
			rig_stat(&rig, 0, -1, "admin_legacy_common_cfg_read") +
			rig_stat(&rig, 0, -1, "admin_legacy_dev_cfg_write") +
			rig_stat(&rig, 0, -1, "admin_legacy_dev_cfg_read");
}

/* ------------------------------------------------------------------ core */

static void
plain_shows_the_function_as_it_is(void)
{
	static uint8_t own[PCI_CFG_EXT_SIZE], shown[PCI_CFG_EXT_SIZE];
	struct vpci_backend backend;
	struct vuser_region region;
	struct vpci_fn *fn;
	uint32_t value = 1;

	owner_open(UINT64_MAX);
	backend = backend_of(vf);
	VTEST_EQ(vpci_create(&backend, &vpci_plain, NULL, NULL, &fn), 0);
	guest = vuser_client_attach(vpci_server(fn));
	for (unsigned int r = 0; r < VUSER_MAX_REGIONS; r++) {
		VTEST_EQ(vuser_client_region_info(guest, r, &region), 0);
		VTEST_EQ(region.size, backend.info.regions[r].size);
		VTEST_EQ(region.flags, backend.info.regions[r].flags & ~VFIO_REGION_INFO_FLAG_MMAP);
	}
	VTEST_EQ(vuser_client_region_read(guest, CONFIG, 0, shown, sizeof(shown)), 0);
	VTEST_EQ(vsim_fn_read(vf, CONFIG, 0, own, sizeof(own)), 0);
	VTEST(memcmp(own, shown, sizeof(own)) == 0);
	VTEST_EQ(vuser_client_region_write(guest, VSIM_BAR, VSIM_REG_COMMON + 20, &value, 1), 0);
	VTEST_EQ(vf->status, 1);
	VTEST_EQ(vuser_client_reset(guest), 0);
	VTEST_EQ(vf->status, 0);
	vuser_client_close(guest);
	vpci_destroy(fn);
	owner_close();
}

/* A descriptor or a map that a guest has cannot be taken back when the guest leaves. */
static void
a_guest_gets_nothing_that_outlives_it(void)
{
	struct vpci_backend backend;
	struct vuser_region region;

	all_open();
	backend = backend_of(vf);
	VTEST(backend.info.regions[VSIM_BAR].fd >= 0);
	for (unsigned int r = 0; r < VUSER_MAX_REGIONS; r++) {
		rig_note("region %u", r);
		VTEST_EQ(vuser_client_region_info(guest, r, &region), 0);
		VTEST_EQ(region.fd, -1);
		VTEST_EQ(region.flags & VFIO_REGION_INFO_FLAG_MMAP, 0);
		VTEST_EQ(region.nb_sparse, 0);
	}
	all_close();
}

/* A variant of this test: two ranges, whose accesses are recorded. */
static uint64_t noted[16];
static unsigned int nb_noted;

static int
note_read(void *arg, uint64_t offset, void *data, size_t len)
{
	VTEST(arg == noted);
	noted[nb_noted++] = offset << 8 | len;
	memset(data, 0xab, len);
	return 0;
}

static int
note_write(void *arg, uint64_t offset, const void *data, size_t len)
{
	noted[nb_noted++] = offset << 8 | len;
	return 0;
}

static void
a_variant_gets_its_bytes_and_no_others(void)
{
	static const struct vpci_range ranges[] = {
		{ CONFIG, 0x2e, 2, note_read, note_write },
		{ CONFIG, 0x09, 1, note_read, note_write },
		{ .len = 0 },
	};
	const struct vpci_variant variant = { .name = "test", .ranges = ranges };
	uint8_t own[64], shown[64];
	struct vpci_backend backend;
	struct vpci_fn *fn;

	owner_open(UINT64_MAX);
	backend = backend_of(vf);
	VTEST_EQ(vpci_create(&backend, &variant, noted, NULL, &fn), 0);
	guest = vuser_client_attach(vpci_server(fn));
	VTEST_EQ(vsim_fn_read(vf, CONFIG, 0, own, sizeof(own)), 0);
	memset(&own[0x09], 0xab, 1);
	memset(&own[0x2e], 0xab, 2);
	/* All offsets and widths. */
	for (size_t offset = 0; offset < 60; offset++)
		for (size_t len = 1; len <= 64 - offset; len++) {
			nb_noted = 0;
			VTEST_EQ(vuser_client_region_read(guest, CONFIG, offset, shown, len), 0);
			VTEST(memcmp(shown, &own[offset], len) == 0);
			VTEST_EQ(nb_noted,
					(offset <= 0x09 && offset + len > 0x09) +
							(offset < 0x30 && offset + len > 0x2e));
		}
	nb_noted = 0;
	VTEST_EQ(vuser_client_region_read(guest, CONFIG, 0x2c, shown, 4), 0);
	VTEST_EQ(nb_noted, 1);
	VTEST_EQ(noted[0], 0x2e << 8 | 2);
	vuser_client_close(guest);
	vpci_destroy(fn);
	owner_close();
}

static void
invalid_ranges_are_refused(void)
{
	static const struct vpci_range bad[][3] = {
		{ { CONFIG, 4095, 2, note_read, NULL } }, /* beyond the end */
		{ { 0, 0, 1, note_read, NULL } }, /* an absent region */
		{ { CONFIG, 4, 4, note_read, NULL }, { CONFIG, 6, 4, note_read, NULL } },
		{ { 99, 0, 1, note_read, NULL } },
	};
	struct vpci_backend backend;
	struct vpci_fn *fn;

	owner_open(UINT64_MAX);
	backend = backend_of(vf);
	for (size_t i = 0; i < RTE_DIM(bad); i++) {
		const struct vpci_variant variant = { .name = "bad", .ranges = bad[i] };

		VTEST_EQ(vpci_create(&backend, &variant, noted, NULL, &fn), -EINVAL);
		VTEST(fn == NULL);
	}
	owner_close();
}

/* ------------------------------------------------------------------ header */

static void
the_header_is_that_of_a_transitional_function(void)
{
	struct vuser_region region;

	all_open();
	VTEST_EQ(get(CONFIG, PCI_CFG_VENDOR_ID, 4), 0x10001af4);
	VTEST_EQ(get(CONFIG, PCI_CFG_REVISION, 4), 0x02000000);
	VTEST_EQ(get(CONFIG, PCI_CFG_SUBSYS_VENDOR_ID, 4), 0x00011af4);
	put(CONFIG, PCI_CFG_VENDOR_ID, 0, 4);
	VTEST_EQ(get(CONFIG, PCI_CFG_VENDOR_ID, 4), 0x10001af4);
	VTEST_EQ(vuser_client_region_info(guest, BAR0, &region), 0);
	VTEST_EQ(region.size, VPCI_LEGACY_BAR0);
	VTEST_EQ(region.flags, VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
	VTEST_EQ(region.fd, -1);
	/* The guest sizes and places the BAR as an I/O BAR. */
	put(CONFIG, PCI_CFG_BAR0, UINT32_MAX, 4);
	VTEST_EQ(get(CONFIG, PCI_CFG_BAR0, 4), (uint32_t) ~(VPCI_LEGACY_BAR0 - 1) | 1);
	put(CONFIG, PCI_CFG_BAR0, 0xc000, 4);
	VTEST_EQ(get(CONFIG, PCI_CFG_BAR0, 4), 0xc001);
	/* Both interfaces exist: the modern capabilities lead to the BAR of the VF. */
	VTEST_EQ(get(CONFIG, 0x90, 1), PCI_CAPABILITY_VENDOR);
	VTEST_EQ(get(CONFIG, PCI_CFG_COMMAND, 2) & (PCI_COMMAND_IO_SPACE | PCI_COMMAND_BUS_MASTER),
			PCI_COMMAND_IO_SPACE | PCI_COMMAND_BUS_MASTER);
	all_close();
}

static void
io_space_opens_and_closes_bar_0(void)
{
	all_open();
	VTEST(get(BAR0, 0, 4) != UINT32_MAX);
	put(CONFIG, PCI_CFG_COMMAND, PCI_COMMAND_MEM_SPACE, 2);
	VTEST_EQ(get(BAR0, 0, 4), UINT32_MAX);
	put(BAR0, LEGACY(device_status), 1, 1);
	VTEST_EQ(vf->status, 0);
	VTEST(vpci_legacy_stats(legacy)->refused > 0);
	put(CONFIG, PCI_CFG_COMMAND, PCI_COMMAND_IO_SPACE, 2);
	put(BAR0, LEGACY(device_status), 1, 1);
	VTEST_EQ(vf->status, 1);
	/* A reset disables the BAR and clears its address. */
	put(CONFIG, PCI_CFG_BAR0, 0xc000, 4);
	VTEST_EQ(vuser_client_reset(guest), 0);
	VTEST_EQ(get(CONFIG, PCI_CFG_COMMAND, 2) & PCI_COMMAND_IO_SPACE, 0);
	VTEST_EQ(get(CONFIG, PCI_CFG_BAR0, 4), 1);
	VTEST_EQ(get(BAR0, 0, 4), UINT32_MAX);
	all_close();
}

/* ------------------------------------------------------------------ registers */

static void
each_register_is_one_command(void)
{
	uint64_t before;

	all_open();
	before = commands_seen();
	VTEST(get(BAR0, LEGACY(device_features), 4) & 1u << VIRTIO_F_ANY_LAYOUT);
	VTEST_EQ(get(BAR0, LEGACY(queue_size), 2), 256);
	put(BAR0, LEGACY(device_status), 1, 1);
	VTEST_EQ(commands_seen() - before, 3);
	/* An access across two registers is split at their border, the lower register first. */
	VTEST_EQ(get(BAR0, LEGACY(queue_size), 4), 256);
	VTEST_EQ(commands_seen() - before, 5);
	put(BAR0, LEGACY(queue_select), 0x00030001, 4); /* 3: no such queue */
	VTEST_EQ(get(BAR0, LEGACY(queue_select), 2), 1);
	VTEST_EQ(get(BAR0, 20 + 10, 2), 9000);
	/* A read beyond the end returns all ones, without a command. */
	before = commands_seen();
	VTEST_EQ(get(BAR0, 40, 4), UINT32_MAX);
	put(BAR0, 40, 0, 4);
	VTEST_EQ(commands_seen(), before);
	VTEST_EQ(vpci_legacy_stats(legacy)->failures, 0);
	all_close();
}

static void
six_bytes_are_one_command_and_one_address(void)
{
	static const uint8_t mac[6] = { 0x02, 9, 8, 7, 6, 5 };
	struct vsim_fn_state before, state;
	uint64_t commands;

	all_open();
	put(BAR0, LEGACY(device_status), 1, 1);
	vsim_fn_get_state(vf, &before);
	commands = commands_seen();
	for (unsigned int i = 0; i < 6; i++) {
		vsim_fn_get_state(vf, &state);
		VTEST(memcmp(state.mac, before.mac, 6) == 0);
		put(BAR0, 20 + i, mac[i], 1);
	}
	VTEST_EQ(commands_seen() - commands, 1);
	vsim_fn_get_state(vf, &state);
	VTEST(memcmp(state.mac, mac, 6) == 0);
	/* Half of a register is kept until the other half is written; a reset drops the half. */
	put(BAR0, 20, 0x06, 1);
	VTEST_EQ(get(BAR0, 20, 2), 0x0906);
	vsim_fn_get_state(vf, &state);
	VTEST(memcmp(state.mac, mac, 6) == 0);
	put(BAR0, LEGACY(device_status), 0, 1);
	VTEST_EQ(get(BAR0, 20, 1), before.mac[0]);
	all_close();
}

static void
msix_moves_the_device_configuration(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), none = -1;

	all_open();
	VTEST_EQ(get(BAR0, 20 + 10, 2), 9000);
	VTEST_EQ(vuser_client_irq_set_fds(guest, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, &fd), 0);
	VTEST_EQ(get(BAR0, 24 + 10, 2), 9000);
	put(BAR0, LEGACY(config_vector), 0, 2);
	VTEST_EQ(get(BAR0, LEGACY(config_vector), 2), 0);
	VTEST_EQ(vuser_client_irq_set_fds(guest, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, &none), 0);
	VTEST_EQ(get(BAR0, 20 + 10, 2), 9000);
	/* The same through the capability. */
	put(CONFIG, 0x40 + PCI_MSIX_CTRL, PCI_MSIX_CTRL_ENABLE, 2);
	VTEST_EQ(get(BAR0, 24 + 10, 2), 9000);
	put(CONFIG, 0x40 + PCI_MSIX_CTRL, 0, 2);
	VTEST_EQ(get(BAR0, 20 + 10, 2), 9000);
	close(fd);
	all_close();
}

/* ------------------------------------------------------------------ a driver */

static struct ring rx, tx;

static void
guest_queue(struct ring *r, uint16_t qi, uint32_t at)
{
	uint16_t size;

	put(BAR0, LEGACY(queue_select), qi, 2);
	size = (uint16_t)get(BAR0, LEGACY(queue_size), 2);
	memset(mem + at, 0, VIRTIO_LEGACY_RING_BYTES(size));
	put(BAR0, LEGACY(queue_address), (GUEST_IOVA + at) >> VIRTIO_LEGACY_PAGE_SHIFT, 4);
	ring_init(r, vf, qi, size, mem + at);
	r->avail = (void *)(mem + at + 16 * size);
	r->used = (void *)(mem + at + VIRTIO_LEGACY_USED_OFFSET(size));
}

static void
guest_driver(void)
{
	put(BAR0, LEGACY(device_status), 0, 1);
	put(BAR0, LEGACY(device_status), 1, 1);
	put(BAR0, LEGACY(device_status), 3, 1);
	put(BAR0, LEGACY(driver_features), 0, 4);
	guest_queue(&rx, 0, 0);
	guest_queue(&tx, 1, 256 * 1024);
	put(BAR0, LEGACY(device_status), 7, 1);
}

static void
guest_frame(void)
{
	uint8_t *out = mem + GUEST_BUFS, *in = out + 2048;
	const struct ring_seg tx_seg = { GUEST_IOVA + GUEST_BUFS, 10 + 60 };
	const struct ring_seg rx_seg = { GUEST_IOVA + GUEST_BUFS + 2048, 1600 };
	uint32_t len = 0;
	uint16_t id;

	memset(out, 0, 70);
	memset(out + 10, 0xff, 60);
	memset(in, 0, 2048);
	ring_post(&rx, &rx_seg, 0, 1, 0, NULL);
	ring_publish(&rx);
	put(BAR0, LEGACY(queue_notify), 0, 2);
	ring_post(&tx, &tx_seg, 1, 0, 0, NULL);
	ring_publish(&tx);
	put(BAR0, LEGACY(queue_notify), 1, 2);
	rig_step(&rig);
	VTEST(ring_reap(&tx, &id, &len));
	VTEST(ring_reap(&rx, &id, &len));
	VTEST_EQ(len, 70);
	VTEST(memcmp(in + 10, out + 10, 60) == 0);
}

static void
a_legacy_driver_passes_packets_without_commands(void)
{
	all_open();
	VTEST(vpci_legacy_has_doorbell(legacy));
	for (int generation = 0; generation < 3; generation++) {
		uint64_t commands;

		guest_driver();
		commands = commands_seen();
		for (int i = 0; i < 10; i++)
			guest_frame();
		VTEST_EQ(commands_seen(), commands);
		/* Reading clears ISR, also through the admin queue. */
		VTEST_EQ(get(BAR0, LEGACY(isr), 1), VIRTIO_PCI_ISR_QUEUE);
		VTEST_EQ(get(BAR0, LEGACY(isr), 1), 0);
	}
	VTEST_EQ(vpci_legacy_stats(legacy)->doorbells, 60);
	all_close();
}

static void
wrong_doorbell_addresses_cost_only_commands(void)
{
	static const enum vsim_notify_fault lies[] = { VSIM_NOTIFY_BAD_BAR, VSIM_NOTIFY_ODD,
		VSIM_NOTIFY_BEYOND };

	for (size_t i = 0; i < RTE_DIM(lies); i++) {
		const struct vsim_faults faults = { .notify = lies[i] };
		uint64_t commands;

		rig_note("lie %d", lies[i]);
		owner_open(UINT64_MAX);
		vsim_nic_faults(rig.nic, &faults);
		guest_open();
		put(CONFIG, PCI_CFG_COMMAND, PCI_COMMAND_IO_SPACE | PCI_COMMAND_BUS_MASTER, 2);
		VTEST(!vpci_legacy_has_doorbell(legacy));
		guest_driver();
		commands = commands_seen();
		guest_frame();
		VTEST_EQ(commands_seen() - commands, 2);
		VTEST_EQ(vpci_legacy_stats(legacy)->doorbells, 0);
		all_close();
	}
}

/* The kernel refuses accesses to a function in D3hot. */
static int
asleep(void *arg, unsigned int region, uint64_t offset, const void *data, size_t len)
{
	return region == VSIM_BAR ? -EIO : vsim_fn_write(arg, region, offset, data, len);
}

/* The mapped doorbell page of a function in D3hot is like this file without a page: a store to the
 * page ends the process with SIGBUS. */
static void
a_sleeping_function_costs_the_guest_its_doorbell_only(void)
{
	const int empty = memfd_create("asleep", MFD_CLOEXEC);
	struct vpci_legacy_conf conf;
	struct vpci_backend backend;
	struct vuser_device_ops ops;
	char err[128] = "";

	owner_open(UINT64_MAX);
	conf = legacy_conf();
	backend = backend_of(vf);
	ops = *backend.ops;
	ops.region_write = asleep;
	backend.ops = &ops;
	backend.info.regions[VSIM_BAR].fd = empty;
	VTEST_EQ(vpci_legacy_create(&backend, &conf, NULL, &legacy, err, sizeof(err)), 0);
	vpci_legacy_doorbell_find(legacy);
	guest = vuser_client_attach(vpci_server(vpci_legacy_fn(legacy)));
	VTEST(guest != NULL && empty >= 0);
	put(CONFIG, PCI_CFG_COMMAND, PCI_COMMAND_IO_SPACE, 2);
	put(BAR0, LEGACY(device_status), VIRTIO_STATUS_ACKNOWLEDGE, 1);
	VTEST(vpci_legacy_has_doorbell(legacy));
	put(BAR0, LEGACY(queue_notify), 0, 2);
	VTEST_EQ(vpci_legacy_stats(legacy)->doorbells, 1);
	VTEST_EQ(vpci_legacy_stats(legacy)->failures, 1);
	VTEST_EQ(get(BAR0, LEGACY(device_status), 1), VIRTIO_STATUS_ACKNOWLEDGE);
	vuser_client_close(guest);
	vpci_legacy_destroy(legacy);
	close(empty);
	owner_close();
}

/* Of the doorbell addresses, the first has unknown flags, the second is in a BAR of the PF, the
 * third in a BAR of the VF. */
static void
the_first_usable_doorbell_is_used(void)
{
	const struct vsim_faults faults = { .notify = VSIM_NOTIFY_BAD_FLAGS };
	uint64_t commands;

	owner_open(UINT64_MAX);
	vsim_nic_faults(rig.nic, &faults);
	guest_open();
	put(CONFIG, PCI_CFG_COMMAND, PCI_COMMAND_IO_SPACE | PCI_COMMAND_BUS_MASTER, 2);
	VTEST(vpci_legacy_has_doorbell(legacy));
	guest_driver();
	commands = commands_seen();
	guest_frame();
	VTEST_EQ(commands_seen(), commands);
	VTEST_EQ(vf->counters->legacy_owner_doorbells, 0);
	VTEST(vf->counters->legacy_doorbells != 0);
	all_close();
}

/* The owner may be lost between two commands, and may be back for the next one. */
static unsigned int nb_asked;
static bool owner_lost;

static int
lost_read(void *owner, uint16_t number, enum vio_legacy_area area, uint8_t offset, void *data,
		size_t len)
{
	nb_asked++;
	return owner_lost ? -ENOTCONN :
			    admin_owner_ops.read(owner, number, area, offset, data, len);
}

static int
lost_write(void *owner, uint16_t number, enum vio_legacy_area area, uint8_t offset,
		const void *data, size_t len)
{
	nb_asked++;
	return owner_lost ? -ENOTCONN :
			    admin_owner_ops.write(owner, number, area, offset, data, len);
}

static int
lost_notify_info(void *owner, uint16_t number,
		struct vio_admin_doorbell out[VIRTIO_ADMIN_NOTIFY_ENTRIES])
{
	nb_asked++;
	return owner_lost ? -ENOTCONN : admin_owner_ops.notify_info(owner, number, out);
}

static const struct vpci_legacy_ops lost_ops = {
	.read = lost_read,
	.write = lost_write,
	.notify_info = lost_notify_info,
};

/* The owner is away when the VF is shown, and comes back before the guest rings a doorbell. */
static void
an_owner_that_is_lost_fails_its_commands_and_may_come_back(void)
{
	const struct vpci_legacy_conf lost = { .ops = &lost_ops, .owner = NULL, .vf = 1 };
	struct vpci_legacy_conf conf = lost;
	struct vpci_backend backend;
	char err[128] = "";

	owner_open(UINT64_MAX);
	conf.owner = admin;
	backend = backend_of(vf);
	owner_lost = true;
	VTEST_EQ(vpci_legacy_create(&backend, &conf, NULL, &legacy, err, sizeof(err)), 0);
	nb_asked = 0;
	vpci_legacy_doorbell_find(legacy);
	VTEST(!vpci_legacy_has_doorbell(legacy));
	guest = vuser_client_attach(vpci_server(vpci_legacy_fn(legacy)));
	put(CONFIG, PCI_CFG_COMMAND, PCI_COMMAND_IO_SPACE, 2);
	put(BAR0, LEGACY(device_status), 0, 1);
	/* After the status was not written, the rest of this access asks for nothing more. */
	VTEST_EQ(nb_asked, 2);
	owner_lost = false;
	put(BAR0, LEGACY(device_status), 0, 1);
	VTEST_EQ(nb_asked, 4);
	VTEST(vpci_legacy_has_doorbell(legacy));
	put(BAR0, LEGACY(device_status), 0, 1);
	VTEST_EQ(nb_asked, 5);
	put(BAR0, LEGACY(device_status), VIRTIO_STATUS_ACKNOWLEDGE, 1);
	nb_asked = 0;
	VTEST_EQ(get(BAR0, LEGACY(queue_size), 4), 256);
	VTEST_EQ(nb_asked, 2);
	/* A doorbell needs no owner. */
	put(BAR0, LEGACY(queue_notify), 0, 2);
	VTEST_EQ(nb_asked, 2);
	owner_lost = true;
	VTEST_EQ(get(BAR0, LEGACY(queue_size), 2), UINT16_MAX);
	put(BAR0, LEGACY(queue_select), 1, 2);
	VTEST_EQ(nb_asked, 4);
	VTEST_EQ(vpci_legacy_stats(legacy)->failures, 4);
	owner_lost = false;
	VTEST_EQ(get(BAR0, LEGACY(queue_select), 2), 0);
	vuser_client_close(guest);
	vpci_legacy_destroy(legacy);
	owner_close();
}

static void
without_notify_info_doorbells_are_commands(void)
{
	owner_open(VIRTIO_ADMIN_LIST_LEGACY);
	guest_open();
	put(CONFIG, PCI_CFG_COMMAND, PCI_COMMAND_IO_SPACE | PCI_COMMAND_BUS_MASTER, 2);
	VTEST(!vpci_legacy_has_doorbell(legacy));
	guest_driver();
	guest_frame();
	all_close();
}

static void
a_slow_reset_ends_with_the_guests_write(void)
{
	const struct vsim_faults faults = { .reset_us = 30000 };

	all_open();
	guest_driver();
	guest_frame();
	vsim_nic_faults(rig.nic, &faults);
	put(BAR0, LEGACY(device_status), 0, 1);
	VTEST(!vsim_fn_resetting(vf));
	guest_driver();
	guest_frame();
	all_close();
}

static void
reads_return_ones_when_the_owner_is_dead(void)
{
	all_open();
	guest_driver();
	VTEST_EQ(vio_dev_reset(&dev), 0);
	vio_admin_forget(admin, VIO_SRIOV);
	VTEST_EQ(get(BAR0, 0, 4), UINT32_MAX);
	put(BAR0, LEGACY(queue_select), 1, 2);
	VTEST_EQ(vpci_legacy_stats(legacy)->failures, 2);
	/* Traffic needs no owner. */
	guest_frame();
	all_close();
}

static void
a_modern_driver_needs_no_owner(void)
{
	uint64_t commands;

	all_open();
	commands = commands_seen();
	put(VSIM_BAR, VSIM_REG_COMMON + 20, 0, 1);
	VTEST_EQ(get(VSIM_BAR, VSIM_REG_COMMON + 20, 1), 0);
	put(VSIM_BAR, VSIM_REG_COMMON + 20, 1, 1);
	put(VSIM_BAR, VSIM_REG_COMMON + 20, 3, 1);
	VTEST_EQ(get(VSIM_BAR, VSIM_REG_COMMON + 20, 1), 3);
	VTEST_EQ(commands_seen(), commands);
	VTEST_EQ(vpci_legacy_stats(legacy)->reads + vpci_legacy_stats(legacy)->writes, 0);
	all_close();
}

static void
what_does_not_fit_is_refused_with_the_reason(void)
{
	struct vpci_legacy_conf conf;
	struct vpci_backend backend;
	char err[128] = "";

	owner_open(UINT64_MAX);
	conf = legacy_conf();
	backend = backend_of(vf);
	backend.info.regions[BAR0].size = 4096;
	VTEST_EQ(vpci_legacy_create(&backend, &conf, NULL, &legacy, err, sizeof(err)), -EOPNOTSUPP);
	VTEST(strstr(err, "BAR 0") != NULL);
	owner_close();
}

static const struct vtest_case cases[] = {
	{ "plain_shows_the_function_as_it_is", plain_shows_the_function_as_it_is },
	{ "a_variant_gets_its_bytes_and_no_others", a_variant_gets_its_bytes_and_no_others },
	{ "a_guest_gets_nothing_that_outlives_it", a_guest_gets_nothing_that_outlives_it },
	{ "invalid_ranges_are_refused", invalid_ranges_are_refused },
	{ "the_header_is_that_of_a_transitional_function",
			the_header_is_that_of_a_transitional_function },
	{ "io_space_opens_and_closes_bar_0", io_space_opens_and_closes_bar_0 },
	{ "each_register_is_one_command", each_register_is_one_command },
	{ "six_bytes_are_one_command_and_one_address", six_bytes_are_one_command_and_one_address },
	{ "msix_moves_the_device_configuration", msix_moves_the_device_configuration },
	{ "a_legacy_driver_passes_packets_without_commands",
			a_legacy_driver_passes_packets_without_commands },
	{ "wrong_doorbell_addresses_cost_only_commands",
			wrong_doorbell_addresses_cost_only_commands },
	{ "a_sleeping_function_costs_the_guest_its_doorbell_only",
			a_sleeping_function_costs_the_guest_its_doorbell_only },
	{ "the_first_usable_doorbell_is_used", the_first_usable_doorbell_is_used },
	{ "an_owner_that_is_lost_fails_its_commands_and_may_come_back",
			an_owner_that_is_lost_fails_its_commands_and_may_come_back },
	{ "without_notify_info_doorbells_are_commands",
			without_notify_info_doorbells_are_commands },
	{ "a_slow_reset_ends_with_the_guests_write", a_slow_reset_ends_with_the_guests_write },
	{ "reads_return_ones_when_the_owner_is_dead", reads_return_ones_when_the_owner_is_dead },
	{ "a_modern_driver_needs_no_owner", a_modern_driver_needs_no_owner },
	{ "what_does_not_fit_is_refused_with_the_reason",
			what_does_not_fit_is_refused_with_the_reason },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
