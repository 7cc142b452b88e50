/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Rules of an owner that need no device: PASID of PF and VF, the id table, holders of a group, the
 * number of VFs, kept descriptors, events. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/holders.h"
#include "common/idtable.h"
#include "common/pf.h"
#include "daemon/events.h"
#include "daemon/fdstore.h"
#include "daemon/log.h"
#include "vsrd/core/gate.h"
#include "vsrd/core/memory.h"
#include "daemon/budget.h"
#include "vsrd/owner/owner_users.h"
#include "vsrd/owner/owner_watch.h"
#include "vsrd/owner/pasid.h"
#include "vsrd/api/vsrd.h"
#include "test/fixture/vtest.h"

static char dir[] = "/tmp/vsr-rules-XXXXXX";

static void
write_file(const char *name, const void *data, size_t len)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	VTEST(file != NULL && fwrite(data, 1, len, file) == len && fclose(file) == 0);
}

/* First character of a file. */
static int
first_char(const char *path)
{
	FILE *file = fopen(path, "r");
	int c;

	VTEST(file != NULL);
	c = fgetc(file);
	fclose(file);
	return c;
}

/* ---------------------------------------------------------------- PASID */

/* Configuration space of a PF with this PASID capability after SR-IOV. */
static void
write_config(bool present, uint8_t width, uint16_t control, uint16_t next)
{
	uint8_t cfg[4096] = { 0 };

	cfg[0x100] = 0x10;
	cfg[0x102] = 0x01; /* version */
	cfg[0x103] = present ? 0x15 : 0; /* next: 0x150 */
	cfg[0x150] = 0x1b;
	cfg[0x152] = 0x01 | (uint8_t)((next & 0xf) << 4);
	cfg[0x153] = (uint8_t)(next >> 4);
	cfg[0x155] = width;
	cfg[0x156] = (uint8_t)control;
	write_file("bus/pci/devices/0000:01:00.0/config", cfg, sizeof(cfg));
}

static void
pasid_of_the_pf_is_read(void)
{
	struct pasid_state state;

	write_config(true, 20, 0x3, 0);
	VTEST_EQ(pasid_read(dir, "0000:01:00.0", &state), 0);
	VTEST(state.present && state.enabled && state.execute && !state.privileged);
	VTEST_EQ(state.max_width, 20);
	write_config(true, 16, 0x6, 0);
	VTEST_EQ(pasid_read(dir, "0000:01:00.0", &state), 0);
	VTEST(state.present && !state.enabled && !state.execute && !state.privileged);
	write_config(false, 20, 1, 0);
	VTEST_EQ(pasid_read(dir, "0000:01:00.0", &state), 0);
	VTEST(!state.present && !state.enabled);
	VTEST_EQ(pasid_read(dir, "0000:02:00.0", &state), -ENOENT);
}

static void
list_in_a_circle_ends(void)
{
	uint8_t cfg[4096] = { 0 };
	struct pasid_state state;

	cfg[0x100] = 0x10;
	cfg[0x102] = 0x01;
	cfg[0x103] = 0x10; /* next: itself */
	write_file("bus/pci/devices/0000:01:00.0/config", cfg, sizeof(cfg));
	VTEST_EQ(pasid_read(dir, "0000:01:00.0", &state), 0);
	VTEST(!state.present);
}

/* The four rows: enable and disable at a VF, with the PF's enabled and not. */
static void
vf_has_what_the_pf_has(void)
{
	const struct pasid_state on = { .present = true, .enabled = true };
	const struct pasid_state off = { .present = true };
	static struct pasid_users users;
	int a = 0, b = 0; /* the addresses identify the users */

	users.nb = 0;
	VTEST_EQ(pasid_acquire(&users, &off, &a, 1, 10), -EINVAL);
	VTEST_EQ(users.nb, 0);
	VTEST_EQ(pasid_acquire(&users, &on, &a, 1, 10), 0);
	VTEST_EQ(pasid_acquire(&users, &on, &a, 1, 10), 0);
	VTEST_EQ(users.nb, 1);
	pasid_release(&users, &b, 1); /* of another user: no effect */
	VTEST_EQ(users.nb, 1);
	pasid_release(&users, &a, 1);
	VTEST_EQ(users.nb, 0);
	pasid_release(&users, &a, 1);
	VTEST_EQ(users.nb, 0);
}

static void
user_that_is_gone_has_released_all(void)
{
	const struct pasid_state on = { .present = true, .enabled = true };
	static struct pasid_users users;
	int a = 0, b = 0; /* the addresses identify the users */

	users.nb = 0;
	for (unsigned int vf = 1; vf <= 3; vf++) {
		VTEST_EQ(pasid_acquire(&users, &on, &a, vf, 10), 0);
		VTEST_EQ(pasid_acquire(&users, &on, &b, vf, 11), 0);
	}
	pasid_release(&users, &a, 0);
	VTEST_EQ(users.nb, 3);
	for (size_t i = 0; i < users.nb; i++)
		VTEST(users.v[i].owner == &b);
	while (pasid_acquire(&users, &on, &b, (unsigned int)users.nb + 10, 11) == 0)
		continue;
	VTEST_EQ(users.nb, PASID_MAX_USERS);
}

/* A user of the shared state blocks a change until its connection ends. */
static void
shared_state_in_use_keeps_the_vfs(void)
{
	static const char numvfs[] = "bus/pci/devices/0000:01:00.0/sriov_numvfs";
	static struct vsrd vsrd;
	struct owner_pf *pf = &vsrd.owner.pfs[0];
	const struct pasid_state on = { .present = true, .enabled = true };
	struct client client;
	unsigned int destroyed;
	json_t *users = NULL;
	struct err err;
	char path[128];

	owner_init(&vsrd.owner);
	vsrd.owner.host.sysfs = dir;
	strcpy(pf->bdf, "0000:01:00.0");
	strcpy(pf->fn.bdf, pf->bdf);
	strcpy(pf->fn.driver, "vfio-pci");
	pf->fn.num_vfs = pf->fn.total_vfs = pf->known_vfs = 2;
	pf->used = true;
	write_file(numvfs, "2", 1);
	snprintf(path, sizeof(path), "%s/%s", dir, numvfs);
	VTEST(!vsrd_client_has_state(&vsrd, &client));
	VTEST_EQ(pasid_acquire(&pf->pasid, &on, &client, 2, 77), 0);
	VTEST(vsrd_client_has_state(&vsrd, &client));

	VTEST_EQ(owner_vfs_destroy(&vsrd.owner, pf, &destroyed, &users, &err), -EBUSY);
	VTEST_EQ(json_array_size(users), 1);
	VTEST_EQ(json_integer_value(json_object_get(json_array_get(users, 0), "vf")), 2);
	VTEST_EQ(json_integer_value(json_object_get(json_array_get(users, 0), "pid")), 77);
	json_decref(users);
	VTEST_EQ(owner_release(&vsrd.owner, pf->bdf, &users, &err), -EBUSY);
	json_decref(users);
	VTEST_EQ(owner_token_set(&vsrd.owner, pf, NULL, &users, &err), -EBUSY);
	json_decref(users);

	vsrd_client_left(&vsrd, &client);
	VTEST(!vsrd_client_has_state(&vsrd, &client));
	/* The kernel is unbinding the driver: the count must not take its lock. */
	pf->fn.driver[0] = '\0';
	VTEST_EQ(owner_vfs_destroy(&vsrd.owner, pf, &destroyed, &users, &err), -ENODEV);
	pf->fn.num_vfs = 0;
	VTEST_EQ(owner_vfs_create(&vsrd.owner, pf, 1, NULL, &users, &err), -ENODEV);
	VTEST_EQ(first_char(path), '2');
	pf->fn.num_vfs = 2;
	strcpy(pf->fn.driver, "vfio-pci");
	VTEST_EQ(owner_vfs_destroy(&vsrd.owner, pf, &destroyed, &users, &err), 0);
	VTEST_EQ(first_char(path), '0');
}

/* ---------------------------------------------------------------- id table */

static const struct sysfs_fn ifc = { .vendor = 0x1af4,
	.device = 0x1041,
	.subsys_vendor = 0x8086,
	.subsys = 0x15fe };

static int
read_table(struct idtable *table, const char *text)
{
	char path[128];
	struct err err;

	write_file("ids", text, strlen(text));
	snprintf(path, sizeof(path), "%s/ids", dir);
	return idtable_read(table, path, &err);
}

static void
id_table_names_parts_by_all_four_ids(void)
{
	struct idtable table;
	struct err err;

	VTEST_EQ(idtable_read(&table, NULL, &err), 0);
	VTEST_EQ(idtable_verdict(&table, &ifc), ID_UNNAMED);
	VTEST_EQ(read_table(&table, "# text\n\nforbid 1af4:1041:8086:15fe # why\n"), 0);
	VTEST_EQ(idtable_verdict(&table, &ifc), ID_FORBID);
	for (unsigned int i = 0; i < 4; i++) {
		struct sysfs_fn other = ifc;

		(i == 0                                ? &other.vendor :
						i == 1 ? &other.device :
						i == 2 ? &other.subsys_vendor :
							 &other.subsys)[0] ^= 1;
		VTEST_EQ(idtable_verdict(&table, &other), ID_UNNAMED);
	}
	idtable_free(&table);
	VTEST_EQ(read_table(&table, "forbid 1af4:1041:8086:15fe\npermit 1AF4:1041:8086:15FE"), 0);
	VTEST_EQ(idtable_verdict(&table, &ifc), ID_PERMIT);
	idtable_free(&table);
}

static void
id_table_that_makes_no_sense_is_refused(void)
{
	static const char *const texts[] = {
		"forbid 1af4:1041:8086\n",
		"allow 1af4:1041:8086:15fe\n",
		"forbid 1af4:1041:8086:15fe:1\n",
		"forbid 1af4:1041:8086:15fe 1\n",
		"forbid\n",
		"1af4:1041:8086:15fe\n",
		"forbid 1af4:1041:8086:zzzz\n",
	};
	struct idtable table;
	struct err err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		VTEST_EQ(read_table(&table, texts[i]), -EINVAL);
		VTEST_EQ(table.nb, 0);
	}
	VTEST_EQ(idtable_read(&table, "/nonexistent/ids", &err), -ENOENT);
}

/* Without the feature bit the table can allow VFs; with it the table can forbid them. */
static void
vfs_need_the_feature_or_the_table(void)
{
	struct pf_host host = { .sysfs = dir };
	struct vio_dev dev = { .timeout_us = 0 };
	struct err err;

	VTEST_EQ(pf_sriov_allowed(&host, &ifc, &dev, &err), -EOPNOTSUPP);
	VTEST_EQ(read_table(&host.ids, "permit 1af4:1041:8086:15fe"), 0);
	VTEST_EQ(pf_sriov_allowed(&host, &ifc, &dev, &err), 0);
	idtable_free(&host.ids);
	vio_features_add(&dev.accepted, VIRTIO_F_SR_IOV);
	VTEST_EQ(pf_sriov_allowed(&host, &ifc, &dev, &err), 0);
	VTEST_EQ(read_table(&host.ids, "forbid 1af4:1041:8086:15fe"), 0);
	VTEST_EQ(pf_sriov_allowed(&host, &ifc, &dev, &err), -EPERM);
	idtable_free(&host.ids);
}

static void
counts_are_bounded_by_the_pf(void)
{
	const struct sysfs_fn pf = { .bdf = "0000:01:00.0", .total_vfs = 8 };
	static const struct {
		const char *text;
		int ret;
	} rows[] = {
		{ "1", 0 },
		{ "8", 0 },
		{ "0", -EINVAL },
		{ "9", -ERANGE },
		{ "010", -ERANGE }, /* ten */
		{ "08", 0 },
		{ "-1", -EINVAL },
		{ "", -EINVAL },
		{ "2x", -EINVAL },
		{ "99999999999999999999", -ERANGE },
		{ "4294967297", -ERANGE },
	};
	struct err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned int count = 77;

		VTEST_EQ(pf_count_parse(&pf, rows[i].text, &count, &err), rows[i].ret);
		VTEST(rows[i].ret != 0 ? count == 77 : count >= 1 && count <= 8);
	}
}

/* ---------------------------------------------------------------- tokens, holders */

static void
tokens_come_back_from_their_file(void)
{
	char token[TOKEN_LEN], read[TOKEN_LEN], path[128];
	struct stat st;

	VTEST_EQ(token_make(token), 0);
	VTEST_EQ(token_path(dir, "0000:01:00.0", path, sizeof(path)), 0);
	VTEST_EQ(token_load(path, read), -ENOENT);
	VTEST_EQ(token_store(path, token), 0);
	VTEST(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	VTEST_EQ(token_load(path, read), 0);
	VTEST(strcmp(token, read) == 0);
	write_file("0000:01:00.0.token", "no token\n", 9);
	VTEST_EQ(token_load(path, read), -EINVAL);
	write_file("0000:01:00.0.token", "", 0);
	VTEST_EQ(token_load(path, read), -EINVAL);
	token_drop(path);
}

static void
token_of_another_user_is_not_taken(void)
{
	char token[TOKEN_LEN], read[TOKEN_LEN], path[128], other[160];

	VTEST_EQ(token_make(token), 0);
	VTEST_EQ(token_path(dir, "0000:01:00.0", path, sizeof(path)), 0);
	VTEST_EQ(token_store(path, token), 0);
	snprintf(other, sizeof(other), "%s.other", path);
	VTEST_EQ(rename(path, other), 0);
	VTEST_EQ(symlink(other, path), 0);
	VTEST_EQ(token_load(path, read), -ELOOP);
	/* A store replaces the link, and not what the link names. */
	VTEST_EQ(token_store(path, "deadbeef-dead-4eef-8ead-deadbeefdead"), 0);
	VTEST_EQ(token_load(other, read), 0);
	VTEST(strcmp(read, token) == 0);
	VTEST_EQ(unlink(other), 0);
	VTEST_EQ(chmod(path, 0666), 0);
	VTEST_EQ(token_load(path, read), -EPERM);
	VTEST_EQ(chmod(path, 0600), 0);
	VTEST_EQ(chmod(dir, 0777), 0);
	VTEST_EQ(token_load(path, read), -EPERM);
	VTEST_EQ(token_store(path, token), -EPERM);
	VTEST_EQ(chmod(dir, 0700), 0);
	VTEST_EQ(token_load(path, read), 0);
	token_drop(path);
	VTEST_EQ(token_load(path, read), -ENOENT);
}

static void
holders_are_found_by_group_in_order(void)
{
	struct holder v[] = { { 3, 10, "a" }, { 3, 12, "b" }, { 7, 10, "a" } };
	const struct holders holders = { v, 3 };

	VTEST(holders_find(&holders, 3) == &v[0]);
	VTEST(holders_find(&holders, 7) == &v[2]);
	VTEST(holders_find(&holders, 5) == NULL);
}

static void
this_process_holds_no_group(void)
{
	struct holders holders;

	VTEST_EQ(holders_scan(&holders), 0);
	for (size_t i = 0; i < holders.nb; i++)
		VTEST(holders.v[i].pid != getpid());
	holders_free(&holders);
}

/* ---------------------------------------------------------------- budgets of guests */

static void
a_guest_is_admitted_while_its_files_and_maps_are_left(void)
{
	const struct budget files = { .files = 2 * (BUDGET_FILES + 5),
		.maps = UINT64_MAX,
		.bytes = UINT64_MAX,
		.guest_bytes = UINT64_MAX };
	struct budget maps = files;
	struct budget_guest a = { 0 }, b = { 0 }, c = { 0 };
	struct err err;

	budget_set(&files);
	VTEST_EQ(budget_admit(&a, 5, &err), 0);
	VTEST_EQ(budget_admit(&b, 6, &err), -EMFILE);
	VTEST(strstr(err.text, "6 interrupt vectors") != NULL);
	VTEST(strstr(err.text, "LimitNOFILE") != NULL);
	VTEST_EQ(budget_admit(&b, 5, &err), 0);
	VTEST_EQ(budget_admit(&c, 0, &err), -EMFILE);
	budget_leave(&a);
	budget_leave(&a); /* of one that is not admitted: no effect */
	VTEST_EQ(budget_admit(&c, 5, &err), 0);

	maps.files = UINT64_MAX;
	maps.maps = 2 * BUDGET_MAPS + 1;
	budget_set(&maps);
	VTEST_EQ(budget_admit(&a, 5, &err), 0);
	VTEST_EQ(budget_admit(&b, 5, &err), 0);
	VTEST_EQ(budget_admit(&c, 5, &err), -ENOSPC);
	VTEST(strstr(err.text, "max_map_count") != NULL);
}

/* A greedy guest takes what is set aside for nobody, and no map of another guest. */
static void
a_guest_has_the_maps_that_are_promised_whatever_others_take(void)
{
	const struct budget budget = { .files = UINT64_MAX,
		.maps = 2 * BUDGET_MAPS + 10,
		.bytes = UINT64_MAX,
		.guest_bytes = UINT64_MAX };
	struct budget_guest greedy = { 0 }, late = { 0 };
	unsigned int nb = 0;
	struct err err;

	budget_set(&budget);
	VTEST_EQ(budget_admit(&greedy, 1, &err), 0);
	VTEST_EQ(budget_admit(&late, 1, &err), 0);
	while (budget_map(&greedy, 4096) == 0)
		nb++;
	VTEST_EQ(nb, BUDGET_MAPS + 10);
	for (nb = 0; nb < BUDGET_MAPS; nb++)
		VTEST_EQ(budget_map(&late, 4096), 0);
	VTEST_EQ(budget_map(&late, 4096), -ENOSPC);
	budget_unmap(&greedy, 4096);
	VTEST_EQ(budget_map(&late, 4096), 0);
	VTEST_EQ(budget_map(&greedy, 4096), -ENOSPC);
	budget_leave(&greedy);
	for (nb = 0; budget_map(&late, 4096) == 0; nb++)
		continue;
	VTEST_EQ(nb, BUDGET_MAPS + 9);
	budget_leave(&late);

	/* With plenty, the limit is that of one guest. */
	budget_set(&(struct budget){ UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX });
	VTEST_EQ(budget_admit(&greedy, 1, &err), 0);
	for (nb = 0; budget_map(&greedy, 4096) == 0; nb++)
		continue;
	VTEST_EQ(nb, BUDGET_MAPS_MAX);
	budget_leave(&greedy);
}

static void
a_guest_maps_no_more_bytes_than_it_may(void)
{
	const struct budget budget = { .files = UINT64_MAX,
		.maps = UINT64_MAX,
		.bytes = 150,
		.guest_bytes = 100 };
	struct budget_guest a = { 0 }, b = { 0 };
	struct err err;

	budget_set(&budget);
	VTEST_EQ(budget_admit(&a, 1, &err), 0);
	VTEST_EQ(budget_admit(&b, 1, &err), 0);
	VTEST_EQ(budget_map(&a, 101), -ENOMEM);
	VTEST_EQ(budget_map(&a, UINT64_MAX), -ENOMEM);
	VTEST_EQ(budget_map(&a, 60), 0);
	VTEST_EQ(budget_map(&a, 41), -ENOMEM);
	VTEST_EQ(budget_map(&a, 40), 0);
	VTEST_EQ(budget_map(&b, 51), -ENOMEM);
	VTEST_EQ(budget_map(&b, 50), 0);
	budget_unmap(&a, 40);
	VTEST_EQ(budget_map(&b, 41), -ENOMEM);
	VTEST_EQ(budget_map(&b, 40), 0);
	budget_leave(&a);
	budget_leave(&b);
	VTEST_EQ(budget_admit(&a, 1, &err), 0);
	VTEST_EQ(budget_map(&a, 100), 0);
	budget_leave(&a);
}

/* Guests of both kinds have one limit together, whether their memory is mapped or shared. */
static void
shared_and_mapped_bytes_count_together(void)
{
	const struct budget budget = { .files = UINT64_MAX,
		.maps = UINT64_MAX,
		.bytes = 150,
		.guest_bytes = 100 };
	struct budget_guest mapping = { 0 }, sharing = { 0 };
	struct err err;

	budget_set(&budget);
	VTEST_EQ(budget_admit(&mapping, 1, &err), 0);
	VTEST_EQ(budget_share(&sharing, 101, &err), -ENOMEM);
	VTEST(strstr(err.text, "--guest-memory") != NULL);
	VTEST_EQ(budget_share(&sharing, 90, &err), 0);
	VTEST_EQ(budget_map(&mapping, 61), -ENOMEM);
	VTEST_EQ(budget_map(&mapping, 60), 0);
	VTEST_EQ(budget_share(&sharing, 91, &err), -ENOMEM);
	VTEST_EQ(budget_bytes(), 150);
	VTEST_EQ(budget_share(&sharing, 10, &err), 0);
	VTEST_EQ(budget_map(&mapping, 40), 0);
	budget_leave(&mapping);
	VTEST_EQ(budget_share(&sharing, 100, &err), 0);
	VTEST_EQ(budget_share(&sharing, 0, &err), 0);
	VTEST_EQ(budget_bytes(), 0);
}

/* More than the usual soft limit, which select(2) needs, is there without help. */
static void
open_files_are_raised_to_the_hard_limit(void)
{
	struct rlimit before, low;
	struct budget budget;

	VTEST_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = 64;
	VTEST_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
	budget = budget_of_process(0);
	VTEST_EQ(getrlimit(RLIMIT_NOFILE, &low), 0);
	VTEST_EQ(low.rlim_cur, before.rlim_max);
	VTEST(budget.files < before.rlim_max && budget.maps > BUDGET_MAPS);
	VTEST(budget.guest_bytes != 0 && budget.guest_bytes < budget.bytes);
	VTEST_EQ(budget_of_process(4096).guest_bytes, 4096);
	VTEST_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* ---------------------------------------------------------------- kept descriptors, events */

static void
kept_descriptors_are_found_by_name_once(void)
{
	struct fdstore_fd fds[] = { { "a", 40 }, { "b", 41 } };
	struct fdstore store = { fds, 2 };
	char pid[16];

	VTEST_EQ(fdstore_take(&store, "b"), 41);
	VTEST_EQ(fdstore_take(&store, "b"), -1);
	VTEST_EQ(fdstore_take(&store, "c"), -1);
	VTEST_EQ(fdstore_take(&store, "a"), 40);

	/* Variables of another process, or without a number: no descriptor is taken. */
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", "1", 1);
	fdstore_inherit(&store);
	VTEST_EQ(store.nb, 0);
	VTEST(getenv("LISTEN_FDS") == NULL);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "-2", 1);
	fdstore_inherit(&store);
	VTEST_EQ(store.nb, 0);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "3", 1);
	setenv("LISTEN_FDNAMES", "x::z", 1);
	fdstore_inherit(&store);
	VTEST_EQ(store.nb, 3);
	VTEST_EQ(fdstore_take(&store, "x"), 3);
	VTEST_EQ(fdstore_take(&store, ""), 4);
	VTEST_EQ(fdstore_take(&store, "z"), 5);
	fdstore_drop_rest(&store);
}

/* The keeper forgets by name: a name that exists twice and was taken must stay. */
static void
a_name_that_was_taken_stays_kept(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int keeper = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	static const char *const names[] = { "a", "b", "a", "b" };
	struct fdstore store = { calloc(4, sizeof(*store.fds)), 0 };
	char text[256] = "";

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", dir);
	VTEST(keeper >= 0 && bind(keeper, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	for (; store.nb < 4; store.nb++) {
		store.fds[store.nb].fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		strcpy(store.fds[store.nb].name, names[store.nb]);
	}
	close(fdstore_take(&store, "a"));
	fdstore_drop_rest(&store);
	for (int i = 0; i < 2; i++) {
		VTEST(recv(keeper, text, sizeof(text) - 1, 0) > 0);
		VTEST(strstr(text, "FDSTOREREMOVE=1") != NULL && strstr(text, "FDNAME=b") != NULL);
	}
	VTEST(recv(keeper, text, sizeof(text) - 1, 0) < 0 && errno == EAGAIN);
	unsetenv("NOTIFY_SOCKET");
	close(keeper);
	unlink(addr.sun_path);
}

/* Memory that can be truncated later, or of another size, is not taken over. */
static void
only_memory_of_this_version_fits(void)
{
	static const struct {
		off_t size;
		int seals;
		bool fits;
	} rows[] = {
		{ MEMORY_BYTES, F_SEAL_SHRINK | F_SEAL_GROW, true },
		{ MEMORY_BYTES, F_SEAL_GROW, false },
		{ MEMORY_BYTES, 0, false },
		{ MEMORY_BYTES / 2, F_SEAL_SHRINK | F_SEAL_GROW, false },
		{ MEMORY_BYTES * 2, F_SEAL_SHRINK | F_SEAL_GROW, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int fd = memfd_create("kept", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		VTEST(fd >= 0 && ftruncate(fd, rows[i].size) == 0);
		VTEST_EQ(fcntl(fd, F_ADD_SEALS, rows[i].seals), 0);
		VTEST_EQ(memory_fits(fd), rows[i].fits);
		close(fd);
	}
	VTEST(!memory_fits(STDIN_FILENO));
	VTEST(!memory_fits(-1));
}

static void
nobody_keeps_where_nobody_listens(void)
{
	unsetenv("NOTIFY_SOCKET");
	VTEST(!fdstore_there());
	VTEST_EQ(fdstore_keep("a", 1), -ENOTCONN);
	VTEST_EQ(fdstore_flush(), -ENOTCONN);
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	VTEST(fdstore_keep("a", 1) < 0);
	VTEST(fdstore_flush() < 0);
	unsetenv("NOTIFY_SOCKET");
}

/* A keeper of the script that has started vsrd answers, but keeps nothing for vsrd. */
static void
keeper_of_another_process_keeps_nothing(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int keeper = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct fdstore store;
	char pid[16];

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", dir);
	VTEST_EQ(bind(keeper, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	for (int i = 0; i < 4; i++) {
		const bool own = i % 2 != 0;

		/* LISTEN_PID counts, if it is set; inherit() removes it. */
		snprintf(pid, sizeof(pid), "%d", (int)(own ? getpid() : getppid()));
		setenv(i < 2 ? "LISTEN_PID" : "SYSTEMD_EXEC_PID", pid, 1);
		setenv("LISTEN_FDS", "0", 1);
		fdstore_inherit(&store);
		VTEST_EQ(store.nb, 0);
		VTEST_EQ(fdstore_keep("a", keeper), own ? 0 : -ENOTCONN);
	}
	unsetenv("SYSTEMD_EXEC_PID");
	close(keeper);
	unlink(addr.sun_path);
	unsetenv("NOTIFY_SOCKET");
}

static void
keeper_that_does_not_read_is_not_waited_for(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int keeper = socket(AF_UNIX, SOCK_DGRAM, 0), ret = 0;
	const int fd = open("/dev/null", O_RDONLY);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", dir);
	VTEST_EQ(bind(keeper, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	/* Its queue has a limit, which the kernel sets. */
	for (int i = 0; ret == 0 && i < 100000; i++)
		ret = fdstore_keep("a", fd);
	VTEST_EQ(ret, -ETIMEDOUT);
	VTEST(!fdstore_answers());
	/* A keeper that ends has processed nothing, although it closes its descriptors. */
	close(keeper);
	VTEST(!fdstore_answers());
	VTEST_EQ(fdstore_flush(), -ECONNREFUSED);
	close(fd);
	unlink(addr.sun_path);
	unsetenv("NOTIFY_SOCKET");
}

/* ---------------------------------------------------------------- two clients and one place */

static void *
clear_place(void *pf)
{
	owner_clear(pf);
	return NULL;
}

/* vsrd_client_left() goes through the users under their lock alone. */
static void
users_are_removed_under_their_lock(void)
{
	static struct owner owner;
	struct owner_pf *pf = &owner.pfs[0];
	const struct pasid_state on = { .present = true, .enabled = true };
	pthread_t thread;

	owner_init(&owner);
	pf->vfio.container = pf->vfio.group = pf->vfio.device = -1;
	pf->used = true;
	VTEST_EQ(pasid_acquire(&pf->pasid, &on, pf, 1, 77), 0);
	pthread_mutex_lock(&pf->users_lock);
	VTEST_EQ(pthread_create(&thread, NULL, clear_place, pf), 0);
	while (pf->used)
		usleep(1000);
	usleep(20000);
	VTEST_EQ(pf->pasid.nb, 1);
	pthread_mutex_unlock(&pf->users_lock);
	pthread_join(thread, NULL);
	VTEST_EQ(pf->pasid.nb, 0);
}

static pthread_barrier_t together;

static void *
start_watchers(void *arg)
{
	struct owner *owner = arg;

	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		pthread_barrier_wait(&together);
		owner_watch_start(&owner->pfs[i]);
	}
	return NULL;
}

#define MAX_TASKS 128

/* The threads of this process. @return number of those that are not among the others. */
static unsigned int
list_tasks(int tasks[MAX_TASKS], const int others[MAX_TASKS])
{
	unsigned int nb = 0, nb_new = 0;
	DIR *folder = opendir("/proc/self/task");

	VTEST(folder != NULL);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		const int task = atoi(entry->d_name);
		bool known = task == 0; /* no thread */

		for (unsigned int i = 0; others != NULL && i < MAX_TASKS; i++)
			known = known || others[i] == task;
		if (task != 0 && nb < MAX_TASKS)
			tasks[nb++] = task;
		nb_new += !known;
	}
	closedir(folder);
	return nb_new;
}

/* @return number of threads that watch the places. */
static unsigned int
watch_from_all(struct owner *owner)
{
	int before[MAX_TASKS] = { 0 }, now[MAX_TASKS];
	pthread_t others[4];
	unsigned int nb = 0;

	owner_init(owner);
	list_tasks(before, NULL);
	for (int i = 0; i < 4; i++)
		VTEST_EQ(pthread_create(&others[i], NULL, start_watchers, owner), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(others[i], NULL);
	/* A thread that was joined may be listed for another moment. */
	for (int i = 0; i < 1000 && (nb = list_tasks(now, before)) > OWNER_MAX_PFS; i++)
		usleep(5000);
	owner_stop(owner);
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++)
		VTEST(owner_watch_end(&owner->pfs[i], 60000));
	close(owner->stop);
	return nb;
}

static void
one_thread_watches_a_place_whoever_starts_it(void)
{
	static struct owner owner;

	VTEST_EQ(pthread_barrier_init(&together, NULL, 4), 0);
	for (int i = 0; i < 10; i++)
		VTEST_EQ(watch_from_all(&owner), OWNER_MAX_PFS);
	pthread_barrier_destroy(&together);
}

/* ---------------------------------------------------------------- the gate of a PF */

static struct gate gate;
static char order[8];
static atomic_uint nb_entered;

/* Enter as a command ('c') or as a change, note that, and leave. */
static void *
pass_gate(void *arg)
{
	const char *kind = arg;

	if (gate_enter(&gate, kind[0] == 'c' ? NULL : kind, 60000) != 0)
		return NULL;
	order[nb_entered++] = kind[0];
	gate_leave(&gate);
	return NULL;
}

static unsigned int
nb_waiting(void)
{
	unsigned int nb = 0;

	pthread_mutex_lock(&gate.lock);
	nb = gate.waiting;
	pthread_mutex_unlock(&gate.lock);
	return nb;
}

static void
gate_serves_in_the_order_of_arrival(void)
{
	static const char *const kinds[] = { "x", "c", "y", "c" };
	pthread_t threads[4];

	gate_init(&gate);
	nb_entered = 0;
	VTEST_EQ(gate_enter(&gate, NULL, 0), 0);
	/* Beside a command another one may be, but a change that waits comes first. */
	VTEST_EQ(gate_enter(&gate, NULL, 0), 0);
	gate_leave(&gate);
	for (unsigned int i = 0; i < 4; i++) {
		VTEST_EQ(pthread_create(&threads[i], NULL, pass_gate, (void *)(uintptr_t)kinds[i]),
				0);
		while (nb_waiting() != i + 1)
			usleep(1000);
	}
	VTEST_EQ(gate_enter(&gate, NULL, 0), -EBUSY);
	VTEST_EQ(nb_entered, 0);
	gate_leave(&gate);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	VTEST(memcmp(order, "xcyc", 4) == 0);
}

static void
gate_ends_each_wait(void)
{
	unsigned int seconds;
	pthread_t thread;

	gate_init(&gate);
	VTEST_EQ(gate_enter(&gate, "change", 0), 0);
	VTEST(strcmp(gate_change(&gate, &seconds), "change") == 0);
	VTEST_EQ(gate_enter(&gate, NULL, 10), -EBUSY);
	VTEST_EQ(gate_enter(&gate, "other", 10), -EBUSY);
	VTEST(!gate_wait_empty(&gate, 10));
	nb_entered = 0;
	VTEST_EQ(pthread_create(&thread, NULL, pass_gate, (void *)(uintptr_t) "x"), 0);
	while (nb_waiting() != 1)
		usleep(1000);
	gate_close(&gate);
	pthread_join(thread, NULL);
	VTEST_EQ(nb_entered, 0);
	gate_leave(&gate);
	VTEST(gate_change(&gate, &seconds) == NULL);
	VTEST_EQ(gate_enter(&gate, NULL, 10), -ECANCELED);
	VTEST(gate_wait_empty(&gate, 10));
}

/* Control characters make a line four times as long. */
static void
a_long_line_says_how_many_were_held_back(void)
{
	static char longest[2048], text[65536];
	struct base_log_limit limit = { 0 };
	const int err = dup(STDERR_FILENO);
	int fds[2];

	for (size_t kind = 0; kind < 2; kind++) {
		memset(longest, kind == 0 ? 'x' : '\a', sizeof(longest) - 1);
		limit = (struct base_log_limit){ 0 };
		VTEST_EQ(pipe(fds), 0);
		VTEST(dup2(fds[1], STDERR_FILENO) == STDERR_FILENO);
		log_to_stderr("test");
		for (int i = 0; i < 100; i++)
			log_limited(&limit, "%s", longest);
		limit.window--; /* a later window */
		log_limited(&limit, "%s", longest);
		dup2(err, STDERR_FILENO);
		log_to_stderr("test");
		close(fds[1]);
		memset(text, 0, sizeof(text));
		VTEST(read(fds[0], text, sizeof(text) - 1) > 0);
		close(fds[0]);
		VTEST(strstr(text, " more lines of this kind were held back)\n") != NULL);
	}
	close(err);
}

static void
slow_listener_loses_the_oldest_and_is_told(void)
{
	static struct subscriber subscriber;
	char *line;
	json_t *event;

	VTEST_EQ(events_subscribe(&subscriber), 0);
	VTEST_EQ(events_subscribe(&subscriber), -EALREADY);
	for (int i = 0; i < EVENTS_MAX_WAITING + 10; i++)
		events_emit("test", json_pack("{s:i}", "i", i));
	line = events_take(&subscriber);
	event = json_loads(line, 0, NULL);
	VTEST_EQ(json_integer_value(json_object_get(json_object_get(event, "params"), "i")), 10);
	json_decref(event);
	free(line);
	for (unsigned int i = 0; i < EVENTS_MAX_WAITING - 2; i++)
		free(events_take(&subscriber));
	line = events_take(&subscriber);
	event = json_loads(line, 0, NULL);
	VTEST_EQ(json_integer_value(json_object_get(json_object_get(event, "params"), "lost")), 10);
	json_decref(event);
	free(line);
	VTEST(events_take(&subscriber) == NULL);
	events_unsubscribe(&subscriber);
	events_unsubscribe(&subscriber);
}

int
main(int argc, char **argv)
{
	static const struct vtest_case cases[] = {
		{ "pasid_of_the_pf_is_read", pasid_of_the_pf_is_read },
		{ "list_in_a_circle_ends", list_in_a_circle_ends },
		{ "vf_has_what_the_pf_has", vf_has_what_the_pf_has },
		{ "user_that_is_gone_has_released_all", user_that_is_gone_has_released_all },
		{ "shared_state_in_use_keeps_the_vfs", shared_state_in_use_keeps_the_vfs },
		{ "id_table_names_parts_by_all_four_ids", id_table_names_parts_by_all_four_ids },
		{ "id_table_that_makes_no_sense_is_refused",
				id_table_that_makes_no_sense_is_refused },
		{ "vfs_need_the_feature_or_the_table", vfs_need_the_feature_or_the_table },
		{ "counts_are_bounded_by_the_pf", counts_are_bounded_by_the_pf },
		{ "tokens_come_back_from_their_file", tokens_come_back_from_their_file },
		{ "token_of_another_user_is_not_taken", token_of_another_user_is_not_taken },
		{ "holders_are_found_by_group_in_order", holders_are_found_by_group_in_order },
		{ "this_process_holds_no_group", this_process_holds_no_group },
		{ "kept_descriptors_are_found_by_name_once",
				kept_descriptors_are_found_by_name_once },
		{ "a_name_that_was_taken_stays_kept", a_name_that_was_taken_stays_kept },
		{ "only_memory_of_this_version_fits", only_memory_of_this_version_fits },
		{ "a_guest_is_admitted_while_its_files_and_maps_are_left",
				a_guest_is_admitted_while_its_files_and_maps_are_left },
		{ "a_guest_has_the_maps_that_are_promised_whatever_others_take",
				a_guest_has_the_maps_that_are_promised_whatever_others_take },
		{ "shared_and_mapped_bytes_count_together",
				shared_and_mapped_bytes_count_together },
		{ "a_guest_maps_no_more_bytes_than_it_may",
				a_guest_maps_no_more_bytes_than_it_may },
		{ "open_files_are_raised_to_the_hard_limit",
				open_files_are_raised_to_the_hard_limit },
		{ "nobody_keeps_where_nobody_listens", nobody_keeps_where_nobody_listens },
		{ "users_are_removed_under_their_lock", users_are_removed_under_their_lock },
		{ "one_thread_watches_a_place_whoever_starts_it",
				one_thread_watches_a_place_whoever_starts_it },
		{ "keeper_of_another_process_keeps_nothing",
				keeper_of_another_process_keeps_nothing },
		{ "keeper_that_does_not_read_is_not_waited_for",
				keeper_that_does_not_read_is_not_waited_for },
		{ "gate_serves_in_the_order_of_arrival", gate_serves_in_the_order_of_arrival },
		{ "gate_ends_each_wait", gate_ends_each_wait },
		{ "a_long_line_says_how_many_were_held_back",
				a_long_line_says_how_many_were_held_back },
		{ "slow_listener_loses_the_oldest_and_is_told",
				slow_listener_loses_the_oldest_and_is_told },
	};
	char command[256];
	int ret;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(command, sizeof(command), "mkdir -p %s/bus/pci/devices/0000:01:00.0", dir);
	ret = system(command);
	if (ret == 0)
		ret = vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) != 0 || ret != 0;
}
