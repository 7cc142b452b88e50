/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_RPC_PROTO_H
#define DAEMON_RPC_PROTO_H

/**
 * @file
 * The protocol between vsrd and its clients: JSON-RPC 2.0 on a UNIX stream socket, one JSON text
 * per line in each direction.
 */

#define RPC_PROTOCOL 1 /**< Member "protocol" of the answer to "version". */
#define RPC_SOCKET "vsrd.sock" /**< Name of the socket in the folder of token files. */
#define RPC_BRIDGE_SOCKET "vsr-bridge.sock" /**< That of vsr-bridge, in the same folder. */
#define RPC_MAX_REQUEST 65536 /**< Bytes of a line to the daemon, newline included. */
#define RPC_MAX_ANSWER (4 * 1024 * 1024) /**< Bytes of a line from the daemon. */
#define RPC_MAX_BATCH 64

/* Codes of JSON-RPC 2.0 5.1 */
#define RPC_PARSE_ERROR -32700
#define RPC_INVALID_REQUEST -32600
#define RPC_NO_METHOD -32601
#define RPC_INVALID_PARAMS -32602
#define RPC_INTERNAL -32603
/** The method refused: "data" has the member "errno", such as "EBUSY", and others. */
#define RPC_REFUSED -32000

#endif /* DAEMON_RPC_PROTO_H */
