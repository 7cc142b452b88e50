/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The commands of the control queue of a network device. */

#include "virtio_spec/net.h"
#include "vio_ctrl.h"

static int
answer_check(int len, uint8_t ack)
{
	if (len < 0)
		return len;
	if (len == 0)
		return -EPROTO;
	return ack == VIRTIO_NET_OK ? 0 : ack == VIRTIO_NET_ERR ? -EPERM : -EPROTO;
}

static int
exec_parts(struct vio_cmdq *cmdq, uint8_t class, uint8_t command, const struct iovec *parts,
		unsigned int nb_parts)
{
	struct virtio_net_ctrl_hdr hdr = { .class = class, .command = command };
	uint8_t ack = UINT8_MAX; /* an undefined value, in case the device writes none */
	const struct iovec in = { .iov_base = &ack, .iov_len = sizeof(ack) };
	struct iovec out[5] = { { .iov_base = &hdr, .iov_len = sizeof(hdr) } };
	int len;

	for (unsigned int i = 0; i < nb_parts; i++)
		out[1 + i] = parts[i];
	len = vio_cmdq_exec(cmdq, out, 1 + nb_parts, &in, 1);
	return answer_check(len, ack);
}

static int
post(struct vio_cmdq *cmdq, uint8_t class, uint8_t command, const void *data, size_t len)
{
	struct virtio_net_ctrl_hdr hdr = { .class = class, .command = command };
	uint8_t ack = UINT8_MAX;
	const struct iovec in = { .iov_base = &ack, .iov_len = sizeof(ack) };
	const struct iovec out[] = {
		{ .iov_base = &hdr, .iov_len = sizeof(hdr) },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = len },
	};

	return vio_cmdq_post(cmdq, out, RTE_DIM(out), &in, 1);
}

int
vio_ctrl_answer(struct vio_cmdq *cmdq, int slot)
{
	uint8_t ack = UINT8_MAX;
	const struct iovec in = { .iov_base = &ack, .iov_len = sizeof(ack) };
	const int ret = vio_cmdq_poll(cmdq, slot);
	int len;

	if (ret <= 0)
		return ret == 0 ? -EAGAIN : ret;
	len = vio_cmdq_take(cmdq, slot, &in, 1);
	return answer_check(len, ack);
}

int
vio_ctrl_promisc_post(struct vio_cmdq *cmdq, bool on)
{
	const uint8_t value = on;

	return post(cmdq, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &value, sizeof(value));
}

int
vio_ctrl_mq_pairs_post(struct vio_cmdq *cmdq, uint16_t nb_pairs)
{
	const struct virtio_net_ctrl_mq mq = { .virtqueue_pairs = rte_cpu_to_le_16(nb_pairs) };

	return post(cmdq, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &mq, sizeof(mq));
}

static int
exec(struct vio_cmdq *cmdq, uint8_t class, uint8_t command, const void *data, size_t len)
{
	const struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };

	return exec_parts(cmdq, class, command, &part, 1);
}

int
vio_ctrl_promisc(struct vio_cmdq *cmdq, bool on)
{
	const uint8_t value = on;

	return exec(cmdq, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &value, sizeof(value));
}

int
vio_ctrl_allmulti(struct vio_cmdq *cmdq, bool on)
{
	const uint8_t value = on;

	return exec(cmdq, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, &value, sizeof(value));
}

int
vio_ctrl_mac_addr_set(struct vio_cmdq *cmdq, const uint8_t mac[6])
{
	return exec(cmdq, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, mac, 6);
}

int
vio_ctrl_mac_table_set(struct vio_cmdq *cmdq, const uint8_t (*uc)[6], uint32_t nb_uc,
		const uint8_t (*mc)[6], uint32_t nb_mc)
{
	struct virtio_net_ctrl_mac uc_head = { .entries = rte_cpu_to_le_32(nb_uc) };
	struct virtio_net_ctrl_mac mc_head = { .entries = rte_cpu_to_le_32(nb_mc) };
	const struct iovec parts[] = {
		{ .iov_base = &uc_head, .iov_len = sizeof(uc_head) },
		{ .iov_base = (void *)(uintptr_t)uc, .iov_len = (size_t)nb_uc * 6 },
		{ .iov_base = &mc_head, .iov_len = sizeof(mc_head) },
		{ .iov_base = (void *)(uintptr_t)mc, .iov_len = (size_t)nb_mc * 6 },
	};

	if ((uint64_t)nb_uc + nb_mc > VIO_CTRL_MACS_MAX)
		return -EINVAL;
	return exec_parts(cmdq, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, parts,
			RTE_DIM(parts));
}

int
vio_ctrl_vlan(struct vio_cmdq *cmdq, uint16_t vlan_id, bool on)
{
	const virtio_le16 value = rte_cpu_to_le_16(vlan_id);

	return exec(cmdq, VIRTIO_NET_CTRL_VLAN,
			on ? VIRTIO_NET_CTRL_VLAN_ADD : VIRTIO_NET_CTRL_VLAN_DEL, &value,
			sizeof(value));
}

int
vio_ctrl_mq_pairs_set(struct vio_cmdq *cmdq, uint16_t nb_pairs)
{
	const struct virtio_net_ctrl_mq mq = { .virtqueue_pairs = rte_cpu_to_le_16(nb_pairs) };

	return exec(cmdq, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &mq, sizeof(mq));
}
