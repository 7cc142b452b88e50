/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Interrupts of the simulated NIC (vectors, ISR, MSI-X), and its device configuration:
 * virtio 1.4 4.1.4.5, 4.1.5 and 5.1.4. */

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "test/fixture/vsim_fixture.h"
#include "vsim/core/vsim_irq.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t
events(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* ---------------------------------------------------------------- vectors, ISR, MSI-X */

static void
vectors_are_checked_and_read_back(void)
{
	struct fixture f = fixture_make("full");
	uint16_t nb = vsim_fn_nb_vectors(f.pf);
	static const char *const names[] = { "config_msix_vector", "queue_msix_vector" };

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	for (size_t i = 0; i < NB(names); i++) {
		VTEST_EQ(reg_read(f.pf, names[i]), VIRTIO_MSI_NO_VECTOR);
		reg_write(f.pf, names[i], nb - 1);
		VTEST_EQ(reg_read(f.pf, names[i]), nb - 1);
		VTEST_EQ(violations(f.pf, VIRTIO_RULE_VECTOR_RANGE), i);
		reg_write(f.pf, names[i], nb);
		VTEST_EQ(reg_read(f.pf, names[i]), VIRTIO_MSI_NO_VECTOR);
		VTEST_EQ(violations(f.pf, VIRTIO_RULE_VECTOR_RANGE), i + 1);
		reg_write(f.pf, names[i], 0);
		VTEST_EQ(reg_read(f.pf, names[i]), 0);
		reg_write(f.pf, names[i], VIRTIO_MSI_NO_VECTOR);
	}
	VTEST_EQ(violations_all(f.pf), 2);
	/* A driver may give up before it has read a vector back, but not run without. */
	for (unsigned int run = 0; run < 2; run++) {
		reg_write(f.pf, "queue_msix_vector", 1);
		if (run)
			driver_ok(f.pf);
		reg_write(f.pf, "device_status", 0);
		VTEST_EQ(violations(f.pf, VIRTIO_RULE_VECTOR_READ_BACK), run);
		VTEST(driver_negotiate(f.pf, &f.pf->offered));
	}
	VTEST_EQ(violations_all(f.pf), 3);
	fixture_free(&f);
}

static void
isr_is_cleared_by_reading(void)
{
	struct fixture f = fixture_make("full");
	int fd = eventfd(0, EFD_NONBLOCK);
	uint8_t isr = 0xff;

	VTEST_EQ(vsim_fn_irq_set(f.pf, 0, fd), 0);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	reg_write(f.pf, "config_msix_vector", 0);
	reg_read(f.pf, "config_msix_vector");
	/* The device raises no interrupt before DRIVER_OK. */
	vsim_fn_link_set(f.pf, false);
	VTEST_EQ(events(fd), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, VSIM_REG_ISR, &isr, 1), 0);
	VTEST_EQ(isr, 0);
	driver_ok(f.pf);
	vsim_fn_link_set(f.pf, true);
	VTEST_EQ(events(fd), 1);
	vsim_fn_link_set(f.pf, true);
	VTEST_EQ(events(fd), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, VSIM_REG_ISR, &isr, 1), 0);
	VTEST_EQ(isr, VIRTIO_PCI_ISR_CONFIG);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, VSIM_REG_ISR, &isr, 1), 0);
	VTEST_EQ(isr, 0);
	VTEST_EQ(f.pf->counters->config_interrupts, 1);
	VTEST_EQ(violations_all(f.pf), 0);
	close(fd);
	fixture_free(&f);
}

static void
link_changes_do_not_bother_who_took_no_status(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);
	int fd = eventfd(0, EFD_NONBLOCK);

	VTEST_EQ(vsim_fn_irq_set(f.pf, 0, fd), 0);
	VTEST(driver_negotiate(f.pf, &features));
	reg_write(f.pf, "config_msix_vector", 0);
	VTEST_EQ(reg_read(f.pf, "config_msix_vector"), 0);
	driver_ok(f.pf);
	vsim_fn_link_set(f.pf, false);
	VTEST_EQ(events(fd), 0);
	VTEST_EQ(f.pf->isr, 0);
	VTEST(!f.pf->link_up);
	close(fd);
	fixture_free(&f);
}

static uint8_t
pba_byte(struct vsim_fn *fn, uint16_t vector)
{
	uint8_t byte = 0;

	VTEST_EQ(vsim_fn_read(fn, VSIM_BAR, VSIM_REG_MSIX_PBA + vector / 8, &byte, 1), 0);
	return byte;
}

static void
masked_vectors_stay_pending(void)
{
	struct fixture f = fixture_make("full");
	uint16_t ctrl = f.nic->layout[0].msix + PCI_MSIX_CTRL;
	uint64_t entry = VSIM_REG_MSIX_TABLE + 2 * PCI_MSIX_ENTRY_LEN;
	int fd = eventfd(0, EFD_NONBLOCK);
	uint32_t value = 0;

	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, entry + PCI_MSIX_ENTRY_CTRL, &value, 4), 0);
	VTEST_EQ(le32toh(value), PCI_MSIX_ENTRY_MASKED);
	VTEST_EQ(vsim_fn_irq_set(f.pf, 2, fd), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, entry + PCI_MSIX_ENTRY_CTRL, &value, 4), 0);
	VTEST_EQ(le32toh(value), 0);

	value = 0xffffffff;
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, entry + PCI_MSIX_ENTRY_CTRL, &value, 4), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, entry + PCI_MSIX_ENTRY_CTRL, &value, 4), 0);
	VTEST_EQ(le32toh(value), PCI_MSIX_ENTRY_MASKED);
	vsim_irq_raise(f.pf, 2);
	VTEST_EQ(events(fd), 0);
	VTEST_EQ(pba_byte(f.pf, 2), 1 << 2);
	value = 0;
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, entry + PCI_MSIX_ENTRY_CTRL, &value, 4), 0);
	VTEST_EQ(events(fd), 1);
	VTEST_EQ(pba_byte(f.pf, 2), 0);

	config_write(f.pf, ctrl, PCI_MSIX_CTRL_ENABLE | PCI_MSIX_CTRL_FUNCTION_MASK, 2);
	vsim_irq_raise(f.pf, 2);
	VTEST_EQ(events(fd), 0);
	config_write(f.pf, ctrl, PCI_MSIX_CTRL_ENABLE, 2);
	VTEST_EQ(events(fd), 1);
	VTEST_EQ(config_read(f.pf, ctrl, 2), PCI_MSIX_CTRL_ENABLE | (f.nic->nb_vectors - 1));

	/* Address and data can be written, the array of pending bits cannot. */
	value = htole32(0xfee01000);
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, entry, &value, 4), 0);
	value = 0;
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, entry, &value, 4), 0);
	VTEST_EQ(le32toh(value), 0xfee01000);
	value = 0xffffffff;
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, VSIM_REG_MSIX_PBA, &value, 4), 0);
	VTEST_EQ(pba_byte(f.pf, 0), 0);
	VTEST_EQ(violations_all(f.pf), 0);
	close(fd);
	fixture_free(&f);
}

/* ---------------------------------------------------------------- device configuration */

static uint32_t
net_read(struct vsim_fn *fn, uint32_t offset, size_t len)
{
	uint32_t value = 0;

	VTEST_EQ(vsim_fn_read(fn, VSIM_BAR, VSIM_REG_DEVICE + offset, &value, len), 0);
	return le32toh(value);
}
#define NET(field) offsetof(struct virtio_net_config, field)

static void
device_configuration_says_what_was_configured(void)
{
	struct fixture f = fixture_make("full");
	static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0xff, 0xf0 };

	for (unsigned int i = 0; i < 6; i++)
		VTEST_EQ(net_read(f.pf, i, 1), mac[i]);
	VTEST_EQ(net_read(f.pf, NET(status), 2), VIRTIO_NET_S_LINK_UP);
	VTEST_EQ(net_read(f.pf, NET(max_virtqueue_pairs), 2), 4);
	VTEST_EQ(net_read(f.pf, NET(mtu), 2), 1500);
	VTEST_EQ(net_read(f.pf, NET(speed), 4), 25000);
	VTEST_EQ(net_read(f.pf, NET(duplex), 1), VIRTIO_NET_DUPLEX_FULL);
	VTEST_EQ(violations_all(f.pf), 0);
	/* Byte accesses work; those of mtu (16 bits) are violations, those of mac are not. */
	VTEST_EQ(net_read(f.pf, NET(mtu), 1), 1500 & 0xff);
	VTEST_EQ(net_read(f.pf, NET(mtu) + 1, 1), 1500 >> 8);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_NATURAL_WIDTH), 2);
	VTEST_EQ(net_read(f.pf, NET(rss_max_key_size), 1), 0);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_CONFIG_FIELD), 1);
	fixture_free(&f);
}

static void
device_configuration_is_read_only(void)
{
	struct fixture f = fixture_make("full");
	uint32_t value = 0;

	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, VSIM_REG_DEVICE, &value, 1), 0);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_CONFIG_WRITE), 1);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_CONFIG_EARLY), 1);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, VSIM_REG_DEVICE + NET(speed), &value, 4), 0);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_CONFIG_WRITE), 2);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_CONFIG_EARLY), 1);
	VTEST_EQ(net_read(f.pf, 0, 1), 0x02);
	VTEST_EQ(net_read(f.pf, NET(speed), 4), 25000);
	fixture_free(&f);
}

static void
absent_fields_read_zero(void)
{
	struct fixture f = fixture_make("minimal");

	for (uint32_t at = 0; at < sizeof(struct virtio_net_config); at++)
		VTEST_EQ(net_read(f.pf, at, 1), 0);
	VTEST(violations(f.pf, VIRTIO_RULE_CONFIG_FIELD) > 0);
	fixture_free(&f);
}

static void
generation_changes_with_what_was_read(void)
{
	struct fixture f = fixture_make("full");
	uint32_t generation = reg_read(f.pf, "config_generation");

	VTEST_EQ(reg_read(f.pf, "config_generation"), generation);
	for (int changes = 1; changes <= 512; changes++) {
		uint32_t now;

		/* After an even number of changes only the generation differs. */
		for (int i = 0; i < changes; i++)
			vsim_fn_link_set(f.pf, !f.pf->link_up);
		now = reg_read(f.pf, "config_generation");
		VTEST(now != generation);
		VTEST_EQ(reg_read(f.pf, "config_generation"), now);
		generation = now;
	}
	fixture_free(&f);
}

static void
link_changes_tell_an_announcing_driver(void)
{
	struct fixture f = fixture_make("full");

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	driver_ok(f.pf);
	vsim_fn_link_set(f.pf, false);
	VTEST_EQ(net_read(f.pf, NET(status), 2), 0);
	vsim_fn_link_set(f.pf, true);
	VTEST_EQ(net_read(f.pf, NET(status), 2), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	/* A reset ends the announce request; the link state stays. */
	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(net_read(f.pf, NET(status), 2), VIRTIO_NET_S_LINK_UP);
	vsim_fn_link_set(f.pf, false);
	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(net_read(f.pf, NET(status), 2), 0);
	fixture_free(&f);
}

/* A driver of VF 1 with these features, and an eventfd for configuration changes. */
static struct vsim_fn *
vf_driver(struct fixture *f, const struct vsim_features *features, int fd)
{
	struct vsim_fn *vf;

	*f = fixture_make("full");
	vf = vfs_make(f, 2);
	VTEST_EQ(vsim_fn_irq_set(vf, 0, fd), 0);
	VTEST(driver_negotiate(vf, features));
	reg_write(vf, "config_msix_vector", 0);
	VTEST_EQ(reg_read(vf, "config_msix_vector"), 0);
	driver_ok(vf);
	return vf;
}

static void
the_owner_changes_mac_and_mtu_under_a_driver(void)
{
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 }, group[6] = { 1 }, none[6];
	const struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_MAC,
			VIRTIO_NET_F_MTU);
	int fd = eventfd(0, EFD_NONBLOCK);
	struct fixture f;
	struct vsim_fn *vf = vf_driver(&f, &features, fd);
	uint32_t generation = reg_read(vf, "config_generation");
	struct vsim_fn_state state;

	VTEST_EQ(vsim_fn_mac_set(vf, group), -EINVAL);
	VTEST_EQ(vsim_fn_mac_set(vf, none), -EINVAL);
	VTEST_EQ(vsim_fn_mtu_set(vf, 67), -EINVAL);
	VTEST_EQ(vsim_fn_mtu_set(vf, f.nic->conf.mtu + 1), -EINVAL);
	VTEST_EQ(events(fd), 0);
	VTEST_EQ(vsim_fn_mac_set(vf, mac), 0);
	VTEST_EQ(events(fd), 1);
	VTEST_EQ(net_read(vf, NET(mac) + 5, 1), 5);
	VTEST(reg_read(vf, "config_generation") != generation);
	generation = reg_read(vf, "config_generation");
	VTEST_EQ(vsim_fn_mtu_set(vf, 1280), 0);
	VTEST_EQ(events(fd), 1);
	VTEST_EQ(net_read(vf, NET(mtu), 2), 1280);
	VTEST(reg_read(vf, "config_generation") != generation);
	VTEST_EQ(vsim_fn_max_frame(vf), 1280 + VSIM_ETHER_EXTRA);
	/* The other functions keep theirs. */
	VTEST_EQ(net_read(vsim_nic_fn(f.nic, 2), NET(mtu), 2), f.nic->conf.mtu);
	/* A reset keeps both, and so does a VF that is removed and comes back. */
	reg_write(vf, "device_status", 0);
	VTEST_EQ(net_read(vf, NET(mtu), 2), 1280);
	VTEST_EQ(net_read(vf, NET(mac) + 1, 1), 1);
	config_write(f.pf, f.nic->layout[0].sriov + offsetof(struct pci_sriov_cap, control), 0, 2);
	VTEST(vfs_make(&f, 2) == vf);
	vsim_fn_get_state(vf, &state);
	VTEST_EQ(memcmp(state.mac, mac, 6), 0);
	VTEST_EQ(net_read(vf, NET(mtu), 2), 1280);
	VTEST_EQ(violations_all(vf), 0);
	close(fd);
	fixture_free(&f);
}

static void
mac_and_mtu_changes_do_not_bother_who_took_neither(void)
{
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 };
	const struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);
	int fd = eventfd(0, EFD_NONBLOCK);
	struct fixture f;
	struct vsim_fn *vf = vf_driver(&f, &features, fd);

	VTEST_EQ(vsim_fn_mac_set(vf, mac), 0);
	VTEST_EQ(vsim_fn_mtu_set(vf, 1280), 0);
	VTEST_EQ(events(fd), 0);
	VTEST_EQ(vf->isr, 0);
	close(fd);
	fixture_free(&f);
}

static void
a_break_sets_needs_reset_until_the_driver_resets(void)
{
	const struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);
	int fd = eventfd(0, EFD_NONBLOCK);
	struct fixture f;
	struct vsim_fn *vf = vf_driver(&f, &features, fd), *other = vsim_nic_fn(f.nic, 2);

	VTEST_EQ(vsim_fn_break(other), -ENOTCONN);
	VTEST_EQ(reg_read(other, "device_status"), 0);
	VTEST_EQ(vsim_fn_break(vf), 0);
	VTEST(reg_read(vf, "device_status") & VIRTIO_STATUS_NEEDS_RESET);
	VTEST_EQ(events(fd), 1);
	VTEST(!vsim_fn_running(vf));
	/* Broken already: no second interrupt. */
	VTEST_EQ(vsim_fn_break(vf), 0);
	VTEST_EQ(events(fd), 0);
	reg_write(vf, "device_status", 0);
	VTEST_EQ(reg_read(vf, "device_status"), 0);
	VTEST(driver_negotiate(vf, &features));
	driver_ok(vf);
	VTEST(vsim_fn_running(vf));
	VTEST_EQ(violations_all(vf), 0);
	close(fd);
	fixture_free(&f);
}

static const struct vtest_case cases[] = {
	{ "the_owner_changes_mac_and_mtu_under_a_driver",
			the_owner_changes_mac_and_mtu_under_a_driver },
	{ "mac_and_mtu_changes_do_not_bother_who_took_neither",
			mac_and_mtu_changes_do_not_bother_who_took_neither },
	{ "a_break_sets_needs_reset_until_the_driver_resets",
			a_break_sets_needs_reset_until_the_driver_resets },
	{ "vectors_are_checked_and_read_back", vectors_are_checked_and_read_back },
	{ "isr_is_cleared_by_reading", isr_is_cleared_by_reading },
	{ "link_changes_do_not_bother_who_took_no_status",
			link_changes_do_not_bother_who_took_no_status },
	{ "masked_vectors_stay_pending", masked_vectors_stay_pending },
	{ "device_configuration_says_what_was_configured",
			device_configuration_says_what_was_configured },
	{ "device_configuration_is_read_only", device_configuration_is_read_only },
	{ "absent_fields_read_zero", absent_fields_read_zero },
	{ "generation_changes_with_what_was_read", generation_changes_with_what_was_read },
	{ "link_changes_tell_an_announcing_driver", link_changes_tell_an_announcing_driver },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
