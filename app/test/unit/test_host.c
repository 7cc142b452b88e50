/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The bus of the simulated host: drivers, sriov_numvfs, groups, VF tokens, last close, removal. */

#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "test/fixture/host_rig.h"
#include "vsr-sim/host/core/host_bus.h"

/* ---------------------------------------------------------------- log */

static void
log_that_nobody_reads_is_not_waited_for(void)
{
	int fds[2], status;
	pid_t child;

	VTEST_EQ(pipe(fds), 0);
	child = fork();
	VTEST(child >= 0);
	if (child == 0) {
		alarm(60);
		dup2(fds[1], STDERR_FILENO);
		for (int i = 0; i < 20000; i++)
			host_log("host", "a line of the log");
		_exit(0);
	}
	VTEST_EQ(waitpid(child, &status, 0), child);
	VTEST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(fds[0]);
	close(fds[1]);
}

/* ---------------------------------------------------------------- drivers */

static enum host_driver
driver_of(const char *bdf)
{
	struct host_fn_info info;

	VTEST_EQ(host_fn_info(host_rig.host, bdf, &info), 0);
	return info.driver;
}

static void
driver_names_go_both_ways(void)
{
	VTEST_EQ(host_driver_find("vfio-pci"), HOST_DRIVER_VFIO_PCI);
	VTEST_EQ(host_driver_find("virtio-pci"), HOST_DRIVER_VIRTIO_PCI);
	VTEST_EQ(host_driver_find("e1000"), -EINVAL);
	VTEST(strcmp(host_driver_name(HOST_DRIVER_VFIO_PCI), "vfio-pci") == 0);
	VTEST(host_driver_name(HOST_DRIVER_NONE) == NULL);
}

static void
functions_are_found_described_and_listed_in_bus_order(void)
{
	char list[4][HOST_BDF_LEN];
	struct host_fn_info info;
	struct toy_fn third;

	host_rig_up();
	VTEST_EQ(toy_create(&third, false, NULL, NULL), 0);
	VTEST_EQ(host_fn_add(host_rig.host, "0000:00:05.0", NULL, 0, &toy_ids, third.server, NULL),
			0);
	VTEST_EQ(host_fn_list(host_rig.host, list, 4), 3);
	VTEST(strcmp(list[0], "0000:00:05.0") == 0 && strcmp(list[1], PF) == 0 &&
			strcmp(list[2], OTHER) == 0);
	VTEST_EQ(host_fn_info(host_rig.host, PF, &info), 0);
	VTEST_EQ(info.driver, HOST_DRIVER_VFIO_PCI);
	VTEST(info.has_sriov && info.sriov_totalvfs == TOY_MAX_VFS && info.sriov_numvfs == 0);
	VTEST_EQ(info.sriov_offset, 1);
	VTEST_EQ(info.sriov_vf_device, 0x1041);
	VTEST_EQ(info.bar_size[TOY_BAR], TOY_BAR_SIZE);
	VTEST_EQ(info.bar_start[TOY_BAR] % TOY_BAR_SIZE, 0);
	VTEST_EQ(info.bar_flags[TOY_BAR], 0x14220c);
	VTEST_EQ(toy_get(host_rig.pf.config + PCI_CFG_BAR0 + 20, 4), info.bar_start[TOY_BAR] >> 32);
	VTEST_EQ(host_fn_info(host_rig.host, "0000:09:00.0", &info), -ENODEV);
	VTEST_EQ(host_fn_remove(host_rig.host, "0000:00:05.0"), 0);
	VTEST_EQ(third.released, 1);
	VTEST_EQ(host_fn_remove(host_rig.host, "0000:00:05.0"), -ENODEV);
	toy_destroy(&third);
	host_rig_down();
}

static int
add(const char *bdf, const char *pf_bdf, struct vuser_server *server, const char *path)
{
	return host_fn_add(host_rig.host, bdf, pf_bdf, pf_bdf != NULL, &toy_ids, server, path);
}

static void
bad_functions_are_refused(void)
{
	struct vuser_device_info info = { .flags = VFIO_DEVICE_FLAGS_PCI };
	struct vuser_server *server;
	struct toy_fn third;

	host_rig_up();
	VTEST_EQ(toy_create(&third, false, NULL, NULL), 0);
	VTEST_EQ(add("01:00.0", NULL, third.server, NULL), -EINVAL);
	VTEST_EQ(add("0000:01:20.0", NULL, third.server, NULL), -EINVAL);
	VTEST_EQ(add("0000:03:00.0", NULL, NULL, NULL), -EINVAL);
	VTEST_EQ(add(PF, NULL, third.server, NULL), -EEXIST);
	VTEST_EQ(add(VF1, "0000:07:00.0", third.server, NULL), -ENODEV);
	VTEST_EQ(add("0000:03:00.0", NULL, host_rig.pf.server, NULL), -EBUSY);
	VTEST_EQ(add("0000:03:00.0", NULL, NULL, "/nowhere"), -ENOENT);

	/* Memory with another layout than a device descriptor is refused. */
	for (unsigned int r = 0; r < VUSER_MAX_REGIONS; r++)
		info.regions[r].fd = -1;
	info.regions[VFIO_PCI_CONFIG_REGION_INDEX].size = PCI_CFG_EXT_SIZE;
	info.regions[TOY_BAR] = (struct vuser_region){ .size = 0x2000,
		.fd = third.mem_fd,
		.flags = VFIO_REGION_INFO_FLAG_MMAP,
		.fd_offset = 0 };
	server = vuser_server_create(NULL, &info, &toy_ops, &third);
	VTEST(server != NULL);
	VTEST_EQ(add("0000:03:00.0", NULL, server, NULL), -ENOTSUP);
	VTEST(!vuser_server_busy(server));
	vuser_server_destroy(server);
	toy_destroy(&third);
	host_rig_down();
}

static void
drivers_bind_by_override_and_by_id(void)
{
	host_rig_up();
	VTEST_EQ(host_driver_bind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), -EBUSY);
	VTEST_EQ(host_driver_bind(host_rig.host, PF, HOST_DRIVER_VIRTIO_PCI), -ENODEV);
	VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VIRTIO_PCI), -ENODEV);
	VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), 0);
	VTEST_EQ(driver_of(PF), HOST_DRIVER_NONE);
	VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), -ENODEV);
	VTEST_EQ(host_drivers_probe(host_rig.host, PF), 0);
	VTEST_EQ(driver_of(PF), HOST_DRIVER_VFIO_PCI);

	/* Without an override the driver of the id binds, and vfio-pci does not. */
	VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), 0);
	VTEST_EQ(host_driver_override_set(host_rig.host, PF, "(null)"), 0);
	VTEST_EQ(host_driver_bind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), -ENODEV);
	VTEST_EQ(host_drivers_probe(host_rig.host, PF), 0);
	VTEST_EQ(driver_of(PF), HOST_DRIVER_VIRTIO_PCI);
	VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VIRTIO_PCI), 0);
	VTEST_EQ(host_driver_new_id(host_rig.host, HOST_DRIVER_VFIO_PCI, 0x1af4, 0x1041), 0);
	VTEST_EQ(driver_of(PF), HOST_DRIVER_VFIO_PCI);
	VTEST_EQ(host_driver_new_id(host_rig.host, HOST_DRIVER_VFIO_PCI, 0x1af4, 0x1041), -EEXIST);
	VTEST_EQ(host_driver_override_set(host_rig.host, PF,
				 "a-driver-with-a-name-that-is-longer-than-any"),
			-EINVAL);
	VTEST_EQ(host_driver_override_set(host_rig.host, "0000:07:00.0", ""), -ENODEV);
	VTEST_EQ(host_drivers_probe(host_rig.host, "0000:07:00.0"), -ENODEV);
	host_rig_down();
}

/* ---------------------------------------------------------------- sriov_numvfs */

static void
sriov_numvfs_answers_as_linux_does(void)
{
	static const struct {
		uint16_t from, to;
		enum host_driver driver;
		int want;
	} cases[] = {
		{ 0, 0, HOST_DRIVER_VFIO_PCI, 0 },
		{ 0, 4, HOST_DRIVER_VFIO_PCI, 0 },
		{ 4, 4, HOST_DRIVER_VFIO_PCI, 0 },
		{ 4, 2, HOST_DRIVER_VFIO_PCI, -EBUSY },
		{ 4, 5, HOST_DRIVER_VFIO_PCI, -EBUSY },
		{ 4, 0, HOST_DRIVER_VFIO_PCI, 0 },
		{ 0, 8, HOST_DRIVER_VFIO_PCI, 0 },
		{ 0, 9, HOST_DRIVER_VFIO_PCI, -ERANGE },
		{ 8, 9, HOST_DRIVER_VFIO_PCI, -ERANGE },
		{ 0, 4, HOST_DRIVER_NONE, -ENOENT },
		{ 0, 0, HOST_DRIVER_NONE, 0 },
		{ 0, 9, HOST_DRIVER_NONE, -ERANGE },
		{ 0, 4, HOST_DRIVER_VIRTIO_PCI, -ENOENT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint16_t left = cases[i].want == 0 ? cases[i].to : cases[i].from;
		struct host_fn_info info;

		host_rig_up();
		VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, cases[i].from), 0);
		if (cases[i].driver != HOST_DRIVER_VFIO_PCI)
			VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), 0);
		if (cases[i].driver == HOST_DRIVER_VIRTIO_PCI) {
			VTEST_EQ(host_driver_override_set(host_rig.host, PF, ""), 0);
			VTEST_EQ(host_driver_bind(host_rig.host, PF, HOST_DRIVER_VIRTIO_PCI), 0);
		}
		VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, cases[i].to), cases[i].want);
		VTEST_EQ(host_fn_info(host_rig.host, PF, &info), 0);
		VTEST_EQ(info.sriov_numvfs, left);
		VTEST_EQ(host_rig.pf.num_vfs, left);
		VTEST_EQ(host_fn_list(host_rig.host, NULL, 0), 2 + left);
		host_rig_down();
	}
	host_rig_up();
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, "0000:07:00.0", 1), -ENODEV);
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 1), 0);
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, VF1, 0), -ENOENT);
	host_rig_down();
}

static void
vfs_are_captured_by_vfio_pci_with_their_own_bars(void)
{
	struct host_fn_info pf, first, last;

	host_rig_up();
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 8), 0);
	VTEST_EQ(host_fn_info(host_rig.host, PF, &pf), 0);
	VTEST_EQ(host_fn_info(host_rig.host, VF1, &first), 0);
	VTEST_EQ(host_fn_info(host_rig.host, vf_bdf(8), &last), 0);
	VTEST_EQ(first.driver, HOST_DRIVER_VFIO_PCI);
	VTEST(strcmp(first.driver_override, "vfio-pci") == 0 && strcmp(first.pf_bdf, PF) == 0);
	VTEST(first.group != pf.group && first.group != last.group);
	VTEST_EQ(first.bar_size[TOY_BAR], TOY_BAR_SIZE);
	VTEST_EQ(last.bar_start[TOY_BAR], first.bar_start[TOY_BAR] + 7 * TOY_BAR_SIZE);
	VTEST(!first.has_sriov);
	host_rig_down();
}

static void
vfs_go_with_the_driver_of_their_pf(void)
{
	host_rig_up();
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 3), 0);
	VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), 0);
	VTEST_EQ(host_fn_list(host_rig.host, NULL, 0), 2);
	VTEST_EQ(host_rig.pf.num_vfs, 0);
	host_rig_down();
}

static void
vfs_that_cannot_be_made_leave_nothing(void)
{
	struct host_fn_info info;

	host_rig_up();
	host_rig.sync_answer = -ENOMEM;
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 3), -ENOMEM);
	VTEST_EQ(host_fn_info(host_rig.host, PF, &info), 0);
	VTEST_EQ(info.sriov_numvfs, 0);
	VTEST_EQ(host_rig.pf.num_vfs, 0);
	VTEST_EQ(host_fn_list(host_rig.host, NULL, 0), 2);
	host_rig_down();
}

static void
open_vf_keeps_vfs_from_going(void)
{
	struct t_fn pf, vf;

	host_rig_up();
	VTEST_EQ(t_fn_open(&pf, -1, PF, TOKEN_A), 0);
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 2), 0);
	VTEST_EQ(t_fn_open(&vf, -1, VF2, TOKEN_A), 0);
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 0), -EBUSY);
	VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), -EBUSY);
	VTEST_EQ(host_fn_list(host_rig.host, NULL, 0), 4);
	t_fn_close(&vf);
	/* Without a wait: the next look at the function notices the close. */
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 0), 0);
	t_fn_close(&pf);
	host_rig_down();
}

/* ---------------------------------------------------------------- groups and tokens */

static void
group_is_opened_once_and_only_with_vfio_pci(void)
{
	int group;

	host_rig_up();
	group = t_group(PF);
	VTEST(group >= 0);
	VTEST_EQ(t_group(PF), -EBUSY);
	close(group);
	group = t_group(PF);
	VTEST(group >= 0);
	close(group);
	VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), 0);
	VTEST_EQ(t_group(PF), -ENOENT);
	VTEST_EQ(t_open("/dev/vfio/99"), -ENOENT);
	VTEST_EQ(t_open("/dev/vfio/99999999999"), -ENOENT);
	VTEST_EQ(t_open("/dev/vfio/noiommu-1"), -ENOENT);
	host_rig_down();
}

static void
open_device_keeps_its_group_busy(void)
{
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	close(fn.group);
	fn.group = -1;
	VTEST_EQ(t_group(PF), -EBUSY);
	close(fn.device);
	fn.device = -1;
	fn.group = t_group(PF);
	VTEST(fn.group >= 0);
	t_fn_close(&fn);
	host_rig_down();
}

static void
group_follows_the_order_of_vfio(void)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int container, second, group, device;

	host_rig_up();
	container = t_open("/dev/vfio/vfio");
	group = t_group(PF);
	VTEST_EQ(t_ioctl(container, VFIO_GET_API_VERSION, 0), VFIO_API_VERSION);
	VTEST_EQ(t_ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU), 1);
	VTEST_EQ(t_ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU), 1);
	VTEST_EQ(t_ioctl(container, VFIO_CHECK_EXTENSION, VFIO_SPAPR_TCE_v2_IOMMU), 0);
	VTEST_EQ(t_ioctl(container, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU), 0);
	VTEST_EQ(t_ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), -EINVAL);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_GET_STATUS, (uintptr_t)&status), 0);
	VTEST_EQ(status.flags, VFIO_GROUP_FLAGS_VIABLE);
	status.argsz = 4;
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_GET_STATUS, (uintptr_t)&status), -EINVAL);
	status.argsz = sizeof(status);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)PF), -EINVAL);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_UNSET_CONTAINER, 0), -EINVAL);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_SET_CONTAINER, (uintptr_t)&group), -EINVAL);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_SET_CONTAINER, 1), -EFAULT);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_SET_CONTAINER, (uintptr_t)&container), 0);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_GET_STATUS, (uintptr_t)&status), 0);
	VTEST_EQ(status.flags, VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET);
	second = t_open("/dev/vfio/vfio");
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_SET_CONTAINER, (uintptr_t)&second), -EINVAL);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)PF), -EINVAL);
	VTEST_EQ(t_ioctl(container, VFIO_SET_IOMMU, VFIO_SPAPR_TCE_v2_IOMMU), -ENODEV);
	VTEST_EQ(t_ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), 0);
	VTEST_EQ(t_ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), -EINVAL);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)OTHER), -ENODEV);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)(PF "0")), -ENODEV);
	device = t_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)PF);
	VTEST(device >= 0);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_UNSET_CONTAINER, 0), -EBUSY);
	VTEST_EQ(t_ioctl(group, VFIO_DEVICE_RESET, 0), -ENOTTY);
	VTEST_EQ(t_ioctl(device, VFIO_GROUP_GET_STATUS, (uintptr_t)&status), -ENOTTY);
	close(device);
	VTEST_EQ(t_ioctl(group, VFIO_GROUP_UNSET_CONTAINER, 0), 0);
	close(group);
	close(container);
	close(second);
	host_rig_down();
}

/* Open and close at once. */
static int
try_open(const char *bdf, const char *token)
{
	struct t_fn fn;
	int ret = t_fn_open(&fn, -1, bdf, token);

	t_fn_close(&fn);
	return ret;
}

static void
vf_needs_the_token_of_its_pf(void)
{
	struct t_fn pf, vf;

	host_rig_up();
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 2), 0);
	/* The token is random after the bind. */
	VTEST_EQ(try_open(VF1, NULL), -EACCES);
	VTEST_EQ(try_open(VF1, TOKEN_A), -EACCES);
	VTEST_EQ(try_open(VF1, "00000000-0000-0000-0000-000000000000"), -EACCES);
	/* An open of the PF with a token sets the token, and the token stays. */
	VTEST_EQ(try_open(PF, TOKEN_A), 0);
	VTEST_EQ(try_open(VF1, TOKEN_A), 0);
	VTEST_EQ(try_open(VF1, TOKEN_B), -EACCES);
	VTEST_EQ(try_open(VF1, NULL), -EACCES);
	VTEST_EQ(try_open(PF, NULL), 0);
	VTEST_EQ(try_open(VF1, TOKEN_A), 0);
	/* While a VF is in use, the PF accepts the same token only. */
	VTEST_EQ(t_fn_open(&vf, -1, VF2, TOKEN_A), 0);
	VTEST_EQ(try_open(PF, NULL), -EACCES);
	VTEST_EQ(try_open(PF, TOKEN_B), -EACCES);
	VTEST_EQ(t_fn_open(&pf, -1, PF, TOKEN_A), 0);
	t_fn_close(&vf);
	t_fn_close(&pf);
	VTEST_EQ(try_open(PF, TOKEN_B), 0);
	VTEST_EQ(try_open(VF1, TOKEN_B), 0);
	/* A new bind makes a new token. */
	VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), 0);
	VTEST_EQ(host_driver_bind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), 0);
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 1), 0);
	VTEST_EQ(try_open(VF1, TOKEN_B), -EACCES);
	host_rig_down();
}

static void
token_text_is_checked(void)
{
	static const struct {
		const char *name;
		int want;
	} cases[] = {
		{ PF " vf_token=" TOKEN_A, 0 },
		{ PF "  vf_token=" TOKEN_A "  ", 0 },
		{ PF " vf_token=BD8D9D2B-5A5F-4F5A-A211-F591514BA1F3", 0 },
		{ PF " vf_token=", -EINVAL },
		{ PF " vf_token=1234", -EINVAL },
		{ PF " vf_token=bd8d9d2b+5a5f-4f5a-a211-f591514ba1f3", -EINVAL },
		{ PF " vf_token=gd8d9d2b-5a5f-4f5a-a211-f591514ba1f3", -EINVAL },
		{ PF " vf_token=" TOKEN_A "x", -EINVAL },
		{ PF " vf_token=" TOKEN_A " vf_token=" TOKEN_A, -EINVAL },
		{ PF " other=1", -EINVAL },
		{ PF "x", -ENODEV },
		{ "", -ENODEV },
	};
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int ret = t_ioctl(fn.group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)cases[i].name);

		VTEST_EQ(ret < 0 ? ret : 0, cases[i].want);
		if (ret >= 0)
			close(ret);
	}
	VTEST_EQ(t_ioctl(fn.group, VFIO_GROUP_GET_DEVICE_FD, 1), -EFAULT);
	t_fn_close(&fn);
	host_rig_down();
}

static void
token_is_out_of_place_without_vfio_pci_on_the_pf(void)
{
	host_rig_up();
	/* VFs of a PF with another driver, as if this driver had created them. */
	VTEST_EQ(host_driver_unbind(host_rig.host, PF, HOST_DRIVER_VFIO_PCI), 0);
	VTEST_EQ(host_driver_override_set(host_rig.host, PF, ""), 0);
	VTEST_EQ(host_driver_bind(host_rig.host, PF, HOST_DRIVER_VIRTIO_PCI), 0);
	VTEST_EQ(host_fn_add(host_rig.host, VF1, PF, 1, &toy_ids, host_rig.vfs[0].server, NULL), 0);
	VTEST_EQ(driver_of(VF1), HOST_DRIVER_VIRTIO_PCI);
	VTEST_EQ(host_driver_unbind(host_rig.host, VF1, HOST_DRIVER_VIRTIO_PCI), 0);
	VTEST_EQ(host_driver_override_set(host_rig.host, VF1, "vfio-pci"), 0);
	VTEST_EQ(host_driver_bind(host_rig.host, VF1, HOST_DRIVER_VFIO_PCI), 0);
	VTEST_EQ(try_open(VF1, NULL), 0);
	VTEST_EQ(try_open(VF1, TOKEN_A), -EINVAL);
	host_rig_down();
}

/* ---------------------------------------------------------------- last close */

/* Number of resets of the PF since the last call. */
static unsigned int
new_resets(unsigned int *seen)
{
	const unsigned int now = host_rig.pf.resets, fresh = now - *seen;

	*seen = now;
	return fresh;
}

static void
first_open_and_last_close_reset(void)
{
	unsigned int seen = 0;
	struct t_fn fn;
	int copy, again, status;
	void *page;
	pid_t child;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(t_nb_open(PF), 1);
	VTEST_EQ(new_resets(&seen), 1);

	/* A duplicate and a second open. */
	copy = dup(fn.device);
	again = t_ioctl(fn.group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)PF);
	VTEST_EQ(t_nb_open(PF), 2);
	close(fn.device);
	VTEST_EQ(t_nb_open(PF), 2);
	close(again);
	VTEST_EQ(t_nb_open(PF), 1);
	VTEST_EQ(new_resets(&seen), 0);
	close(copy);
	VTEST_EQ(t_nb_open(PF), 0);
	VTEST_EQ(new_resets(&seen), 1);

	/* A mapping. */
	fn.device = t_ioctl(fn.group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)PF);
	VTEST_EQ(new_resets(&seen), 1);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fn.device, BAR(0x1000));
	VTEST(page != MAP_FAILED);
	close(fn.device);
	VTEST_EQ(t_nb_open(PF), 1);
	munmap(page, 4096);
	VTEST_EQ(t_nb_open(PF), 0);
	VTEST_EQ(new_resets(&seen), 1);

	/* A child, which is killed. */
	fn.device = t_ioctl(fn.group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)PF);
	VTEST_EQ(new_resets(&seen), 1);
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	close(fn.device);
	VTEST_EQ(t_nb_open(PF), 1);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	VTEST_EQ(t_nb_open(PF), 0);
	VTEST_EQ(new_resets(&seen), 1);
	fn.device = -1;
	t_fn_close(&fn);
	host_rig_down();
}

static void
last_close_is_seen_without_being_asked(void)
{
	const struct timespec step = { .tv_nsec = 1000000 };
	unsigned int ms = 0;
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	t_fn_close(&fn);
	while (__atomic_load_n(&host_rig.pf.resets, __ATOMIC_RELAXED) == 1 && ms++ < 2000)
		nanosleep(&step, NULL);
	VTEST_EQ(host_rig.pf.resets, 2);
	host_rig_down();
}

static void
last_close_comes_before_the_next_open(void)
{
	struct t_fn fn;

	host_rig_up();
	for (unsigned int i = 0; i < 50; i++) {
		const uint32_t dirt = 0x12345678;

		VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
		VTEST_EQ(t_read32(fn.device, BAR(TOY_REG_PLAIN)), 0);
		VTEST_EQ(t_pwrite(fn.device, &dirt, 4, BAR(TOY_REG_PLAIN)), 4);
		VTEST_EQ(t_read32(fn.device, BAR(TOY_REG_PLAIN)), dirt);
		t_fn_close(&fn);
	}
	host_rig_down();
}

static void
reset_of_a_pf_keeps_vfs_but_not_their_state(void)
{
	void *memory = t_memory(8192);
	const uint32_t dirt = 7;
	struct t_fn pf, vf;
	struct host_fn_info info;

	host_rig_up();
	VTEST_EQ(t_fn_open(&pf, -1, PF, TOKEN_A), 0);
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 2), 0);
	VTEST_EQ(t_fn_open(&vf, -1, VF1, TOKEN_A), 0);
	VTEST_EQ(t_map(vf.container, 0x10000, memory, 8192), 0);
	VTEST_EQ(t_pwrite(vf.device, &dirt, 4, BAR(TOY_REG_PLAIN)), 4);
	t_fn_close(&pf);
	VTEST_EQ(t_nb_open(PF), 0);
	VTEST_EQ(host_rig.pf.resets, 2);
	VTEST_EQ(host_fn_info(host_rig.host, PF, &info), 0);
	VTEST_EQ(info.sriov_numvfs, 2);
	VTEST_EQ(host_rig.pf.num_vfs, 2);
	VTEST_EQ(t_nb_open(VF1), 1);
	VTEST_EQ(t_read32(vf.device, BAR(TOY_REG_PLAIN)), 0);
	VTEST_EQ(host_rig.vfs[0].nb_maps, 1);
	VTEST_EQ(toy_get(host_rig.pf.config + PCI_CFG_BAR0 + 20, 4), info.bar_start[TOY_BAR] >> 32);
	t_fn_close(&vf);
	host_rig_down();
	munmap(memory, 8192);
}

/* ---------------------------------------------------------------- removal */

/* An eventfd that is signalled when the host asks the user of this function to close it. */
static int
request_fd(const struct t_fn *fn)
{
	struct vfio_irq_set *set;
	int32_t fd;
	int ret;

	set = calloc(1, sizeof(*set) + sizeof(fd));
	set->argsz = sizeof(*set) + sizeof(fd);
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_REQ_IRQ_INDEX;
	set->count = 1;
	fd = eventfd(0, EFD_CLOEXEC);
	memcpy(set->data, &fd, sizeof(fd));
	ret = t_ioctl(fn->device, VFIO_DEVICE_SET_IRQS, (uintptr_t)set);
	free(set);
	if (ret != 0) {
		close(fd);
		return ret;
	}
	return fd;
}

/* Closes a function when the host asks for that. */
static void *
polite_user(void *arg)
{
	struct t_fn *fn = arg;
	const int fd = request_fd(fn);
	uint64_t count;

	if (fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count))
		t_fn_close(fn);
	close(fd);
	return NULL;
}

/* The users of a PF and of its VFs, none of which closes its function. */
struct waiting_users {
	int fds[5]; /* of request_fd() */
	unsigned int released; /* VFs cut off before the last user was asked */
};

static void *
ask_all_users(void *arg)
{
	struct waiting_users *users = arg;
	uint64_t count;

	for (unsigned int i = 0; i < 5; i++)
		if (read(users->fds[i], &count, sizeof(count)) != sizeof(count))
			abort();
	for (unsigned int i = 0; i < TOY_MAX_VFS; i++)
		users->released += __atomic_load_n(&host_rig.vfs[i].released, __ATOMIC_RELAXED);
	return NULL;
}

static void
removal_asks_users_to_release(void)
{
	const struct timespec settle = { .tv_nsec = 100000000 };
	pthread_t thread;
	struct t_fn fn;
	uint64_t start;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, OTHER, NULL), 0);
	VTEST_EQ(pthread_create(&thread, NULL, polite_user, &fn), 0);
	nanosleep(&settle, NULL);
	start = base_now_ms();
	VTEST_EQ(host_fn_remove(host_rig.host, OTHER), 0);
	/* A user that did not close would have been cut off after this time. */
	VTEST(base_now_ms() - start < HOST_REMOVE_MS);
	pthread_join(thread, NULL);
	VTEST_EQ(fn.device, -1);
	VTEST_EQ(host_rig.other.released, 1);
	host_rig_down();
}

static void
removal_disconnects_users_that_do_not_release(void)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	uint64_t start;
	struct t_fn fn;
	uint32_t value;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, OTHER, NULL), 0);
	start = base_now_ms();
	VTEST_EQ(host_fn_remove(host_rig.host, OTHER), 0);
	VTEST(base_now_ms() - start < 5 * HOST_REMOVE_MS);
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_GET_INFO, (uintptr_t)&info), -ENODEV);
	VTEST_EQ(t_pread(fn.device, &value, 4, CONFIG(0)), -ENODEV);
	VTEST_EQ(host_rig.other.released, 1);
	/* Other functions still work. */
	VTEST_EQ(try_open(PF, NULL), 0);
	t_fn_close(&fn);
	host_rig_down();
}

static void
removal_of_a_pf_asks_all_its_vfs_at_once(void)
{
	struct waiting_users users = { 0 };
	struct t_fn pf, vfs[4];
	pthread_t thread;
	uint64_t start;

	host_rig_up();
	VTEST_EQ(t_fn_open(&pf, -1, PF, TOKEN_A), 0);
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 4), 0);
	for (unsigned int i = 0; i < 4; i++)
		VTEST_EQ(t_fn_open(&vfs[i], -1, vf_bdf(i + 1), TOKEN_A), 0);
	for (unsigned int i = 0; i < 5; i++) {
		users.fds[i] = request_fd(i == 0 ? &pf : &vfs[i - 1]);
		VTEST(users.fds[i] >= 0);
	}
	VTEST_EQ(pthread_create(&thread, NULL, ask_all_users, &users), 0);
	start = base_now_ms();
	VTEST_EQ(host_fn_remove(host_rig.host, PF), 0);
	/* One after the other, the five waits would take five times as long. */
	VTEST(base_now_ms() - start < 4 * HOST_REMOVE_MS);
	pthread_join(thread, NULL);
	VTEST_EQ(users.released, 0);
	for (unsigned int i = 0; i < 5; i++)
		close(users.fds[i]);
	VTEST_EQ(host_fn_list(host_rig.host, NULL, 0), 1);
	for (unsigned int i = 0; i < 4; i++)
		t_fn_close(&vfs[i]);
	t_fn_close(&pf);
	host_rig_down();
}

static const struct vtest_case cases[] = {
	{ "log_that_nobody_reads_is_not_waited_for", log_that_nobody_reads_is_not_waited_for },
	{ "driver_names_go_both_ways", driver_names_go_both_ways },
	{ "functions_are_found_described_and_listed_in_bus_order",
			functions_are_found_described_and_listed_in_bus_order },
	{ "bad_functions_are_refused", bad_functions_are_refused },
	{ "drivers_bind_by_override_and_by_id", drivers_bind_by_override_and_by_id },
	{ "sriov_numvfs_answers_as_linux_does", sriov_numvfs_answers_as_linux_does },
	{ "vfs_are_captured_by_vfio_pci_with_their_own_bars",
			vfs_are_captured_by_vfio_pci_with_their_own_bars },
	{ "vfs_go_with_the_driver_of_their_pf", vfs_go_with_the_driver_of_their_pf },
	{ "vfs_that_cannot_be_made_leave_nothing", vfs_that_cannot_be_made_leave_nothing },
	{ "open_vf_keeps_vfs_from_going", open_vf_keeps_vfs_from_going },
	{ "group_is_opened_once_and_only_with_vfio_pci",
			group_is_opened_once_and_only_with_vfio_pci },
	{ "open_device_keeps_its_group_busy", open_device_keeps_its_group_busy },
	{ "group_follows_the_order_of_vfio", group_follows_the_order_of_vfio },
	{ "vf_needs_the_token_of_its_pf", vf_needs_the_token_of_its_pf },
	{ "token_text_is_checked", token_text_is_checked },
	{ "token_is_out_of_place_without_vfio_pci_on_the_pf",
			token_is_out_of_place_without_vfio_pci_on_the_pf },
	{ "first_open_and_last_close_reset", first_open_and_last_close_reset },
	{ "last_close_is_seen_without_being_asked", last_close_is_seen_without_being_asked },
	{ "last_close_comes_before_the_next_open", last_close_comes_before_the_next_open },
	{ "reset_of_a_pf_keeps_vfs_but_not_their_state",
			reset_of_a_pf_keeps_vfs_but_not_their_state },
	{ "removal_asks_users_to_release", removal_asks_users_to_release },
	{ "removal_disconnects_users_that_do_not_release",
			removal_disconnects_users_that_do_not_release },
	{ "removal_of_a_pf_asks_all_its_vfs_at_once", removal_of_a_pf_asks_all_its_vfs_at_once },
};

int
main(int argc, char **argv)
{
	return host_rig_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
