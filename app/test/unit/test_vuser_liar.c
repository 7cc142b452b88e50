/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The client of lib/vfio_user with a hostile server: for any reply the client returns a documented
 * errno, keeps no descriptor, and does not use a broken connection again.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/fixture/vuser_rig.h"

/* Invalid replies to VUSER_DEVICE_GET_REGION_INFO of region 5. */
struct lie {
	const char *name;
	int want; /* result of the client */
	struct vuser_header hdr; /* id 0: the correct id; size 0: the correct size */
	size_t len;
	unsigned int nb_fds;
	bool close; /* close the connection after the reply */
	struct {
		struct vfio_region_info info;
		struct vfio_info_cap_header cap;
		uint32_t nr_areas, reserved;
		struct vfio_region_sparse_mmap_area areas[2];
	} data;
};

#define REPLY VUSER_FLAG_TYPE_REPLY
#define INFO VUSER_DEVICE_GET_REGION_INFO
#define GOOD_INFO                      \
	{                              \
		32, 7, 5, 0, 0x8000, 0 \
	}
#define CAPS_INFO(at)                       \
	{                                   \
		72, 0xf, 5, (at), 0x8000, 0 \
	}

static const struct lie lies[] = {
	{ "the truth", 0, { 0, INFO, 0, REPLY, 0 }, 32, 1, false, { .info = GOOD_INFO } },
	{ "with areas", 0, { 0, INFO, 0, REPLY, 0 }, 64, 1, false,
			{ CAPS_INFO(32), { 1, 1, 0 }, 1, 0, { { 0, 0x1000 } } } },
	{ "an unknown capability", 0, { 0, INFO, 0, REPLY, 0 }, 40, 1, false,
			{ CAPS_INFO(32), { 99, 1, 0 }, 0, 0, {} } },
	{ "a command in between", 0, { 7, VUSER_DMA_READ, 0, 0, 0 }, 16, 0, false, {} },
	{ "hang up", -ECONNRESET, { 0 }, 0, 0, true, {} },
	{ "another id", -EPROTO, { 0x999, INFO, 0, REPLY, 0 }, 32, 1, false,
			{ .info = GOOD_INFO } },
	{ "another command", -EPROTO, { 0, 5, 0, REPLY, 0 }, 0, 1, false, {} },
	{ "type 5", -EPROTO, { 0, INFO, 0, 5, 0 }, 32, 0, false, { .info = GOOD_INFO } },
	{ "error without errno", -EIO, { 0, INFO, 0, REPLY | 0x20, 0 }, 0, 0, false, {} },
	{ "error without sense", -EIO, { 0, INFO, 0, REPLY | 0x20, 0x80000000 }, 0, 0, false, {} },
	{ "error", -EACCES, { 0, INFO, 0, REPLY | 0x20, EACCES }, 0, 0, false, {} },
	{ "error with fds", -EACCES, { 0, INFO, 0, REPLY | 0x20, EACCES }, 0, 3, false, {} },
	{ "size 15", -EPROTO, { 0, INFO, 15, REPLY, 0 }, 0, 0, false, {} },
	{ "size 4 GiB", -EPROTO, { 0, INFO, UINT32_MAX, REPLY, 0 }, 0, 1, false, {} },
	{ "no payload", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 0, 1, false, {} },
	{ "short payload", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 31, 1, false, { .info = GOOD_INFO } },
	{ "two fds", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 32, 2, false, { .info = GOOD_INFO } },
	{ "another region", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 32, 1, false,
			{ .info = { 32, 7, 4, 0, 0x8000, 0 } } },
	{ "hang up inside", -ECONNRESET, { 0, INFO, 48, REPLY, 0 }, 20, 1, true,
			{ .info = GOOD_INFO } },
	{ "silence inside", -ETIMEDOUT, { 0, INFO, 48, REPLY, 0 }, 20, 1, false,
			{ .info = GOOD_INFO } },
	{ "capability inside the info", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 64, 1, false,
			{ CAPS_INFO(31), { 1, 1, 0 }, 1, 0, { { 0, 0x1000 } } } },
	{ "capability outside", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 64, 1, false,
			{ CAPS_INFO(64), { 1, 1, 0 }, 1, 0, { { 0, 0x1000 } } } },
	{ "capability far outside", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 64, 1, false,
			{ CAPS_INFO(UINT32_MAX - 4), { 1, 1, 0 }, 1, 0, { { 0, 0x1000 } } } },
	{ "capabilities in a circle", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 64, 1, false,
			{ CAPS_INFO(32), { 99, 1, 32 }, 1, 0, {} } },
	{ "more areas than bytes", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 64, 1, false,
			{ CAPS_INFO(32), { 1, 1, 0 }, 2, 0, { { 0, 0x1000 } } } },
	{ "areas beyond count", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 64, 1, false,
			{ CAPS_INFO(32), { 1, 1, 0 }, UINT32_MAX, 0, { { 0, 0x1000 } } } },
	{ "area beyond the region", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 64, 1, false,
			{ CAPS_INFO(32), { 1, 1, 0 }, 1, 0, { { 0x8000, 0x1000 } } } },
	{ "area larger than the region", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 64, 1, false,
			{ CAPS_INFO(32), { 1, 1, 0 }, 1, 0, { { 0, 0x9000 } } } },
	{ "area wraps", -EPROTO, { 0, INFO, 0, REPLY, 0 }, 64, 1, false,
			{ CAPS_INFO(32), { 1, 1, 0 }, 1, 0, { { -0x1000ull, 0x2000 } } } },
};

/* Serve one connection: a valid version reply, the invalid reply, then nothing more. */
static void
tell(int sock, const struct lie *lie)
{
	const uint64_t deadline = vuser_deadline(5000);
	struct vuser_msg in, out;

	vuser_msg_init(&in);
	vuser_msg_init(&out);
	if (vuser_recv_full(sock, &in, deadline) != 0 ||
			vuser_version_put(&out, 1, VUSER_MAX_MAPS) != 0)
		goto out;
	out.hdr = (struct vuser_header){ in.hdr.msg_id, VUSER_VERSION, 0, REPLY, 0 };
	out.hdr.size = (uint32_t)(16 + out.len);
	vuser_msg_clear(&in);
	if (vuser_send_full(sock, &out, deadline) != 0 || vuser_recv_full(sock, &in, deadline) != 0)
		goto out;
	vuser_msg_clear(&out);
	if (vuser_msg_resize(&out, lie->len) != 0)
		goto out;
	if (lie->len != 0)
		memcpy(out.data, &lie->data, lie->len);
	out.hdr = lie->hdr;
	if (out.hdr.msg_id == 0)
		out.hdr.msg_id = in.hdr.msg_id;
	if (out.hdr.size == 0)
		out.hdr.size = (uint32_t)(16 + lie->len);
	for (out.nb_fds = 0; out.nb_fds < lie->nb_fds; out.nb_fds++)
		out.fds[out.nb_fds] = vuser_rig.stop_fd;
	if (lie->hdr.command != 0 && vuser_send_full(sock, &out, deadline) != 0)
		goto out;
	if (lie->hdr.command == VUSER_DMA_READ) {
		const struct vfio_region_info info = GOOD_INFO;

		/* the client must decline, and still take the answer to its own request */
		vuser_msg_clear(&out);
		out.hdr = (struct vuser_header){ in.hdr.msg_id, INFO, 48, REPLY, 0 };
		vuser_msg_clear(&in);
		if (vuser_recv_full(sock, &in, deadline) != 0 || in.hdr.error != ENOTSUP ||
				in.hdr.msg_id != 7 || vuser_msg_resize(&out, sizeof(info)) != 0)
			goto out;
		memcpy(out.data, &info, sizeof(info));
		(void)vuser_send_full(sock, &out, deadline);
	}
	vuser_msg_clear(&in);
	if (!lie->close)
		(void)vuser_recv_full(sock, &in, deadline);
out:
	vuser_msg_free(&in);
	vuser_msg_free(&out);
}

static void *
tell_all(void *arg)
{
	const int listener = *(const int *)arg;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (sock < 0)
			break;
		tell(sock, &lies[i]);
		close(sock);
	}
	return NULL;
}

static void
the_client_refuses_invalid_replies(void)
{
	struct sockaddr_un addr;
	struct vuser_region out;
	pthread_t thread;
	int listener, failed = 0;

	/* use the path of the server of the rig, not the server */
	vuser_rig_start(VUSER_RIG_MANUAL);
	vuser_server_destroy(vuser_rig.server);
	vuser_rig.server = NULL;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	VTEST_EQ(base_address(&addr, vuser_rig.path), 0);
	VTEST_EQ(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	VTEST_EQ(listen(listener, 1), 0);
	if (pthread_create(&thread, NULL, tell_all, &listener) != 0)
		abort();
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct vuser_client *client = vuser_client_connect(vuser_rig.path, 1000);
		int ret;

		if (client == NULL) {
			printf("  %s: no client, errno %d\n", lies[i].name, errno);
			failed++;
			continue;
		}
		out.fd = -1;
		ret = vuser_client_region_info(client, FAKE_MEM, &out);
		if (ret != lies[i].want) {
			printf("  %s: %d, want %d\n", lies[i].name, ret, lies[i].want);
			failed++;
		}
		if (ret == 0 && out.fd >= 0)
			close(out.fd);
		/* a valid error reply keeps the connection, any other reply ends it */
		if (ret == -EPROTO || ret == -ETIMEDOUT || ret == -ECONNRESET) {
			if (vuser_client_reset(client) != -ECONNRESET)
				failed++;
		}
		vuser_client_close(client);
	}
	pthread_join(thread, NULL);
	close(listener);
	VTEST_EQ(failed, 0);
	vuser_rig_stop();
}

static const struct vtest_case cases[] = {
	{ "the_client_refuses_invalid_replies", the_client_refuses_invalid_replies },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
