/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef SHIM_DECODE_H
#define SHIM_DECODE_H

/**
 * @file
 * x86-64 instructions by which compilers read and write registers of a device: mov with one operand
 * in memory, and arithmetic with a merged load or store (clang uses "cmpb $0, (%rdi)"). Pure
 * functions, usable in a signal handler.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_INSN_MAX 15 /**< Bytes of the longest instruction. */

/** The first eight have the numbers of opcodes. */
enum shim_op {
	SHIM_ADD,
	SHIM_OR,
	SHIM_ADC,
	SHIM_SBB,
	SHIM_AND,
	SHIM_SUB,
	SHIM_XOR,
	SHIM_CMP,
	SHIM_TEST,
	SHIM_MOV,
};

/** One instruction: first operand = first operand OP second operand. */
struct shim_insn {
	uint8_t len; /**< Bytes of the instruction. */
	uint8_t width; /**< Bytes of the memory operand: 1, 2, 4 or 8. */
	enum shim_op op;
	bool to_memory; /**< The memory operand is the first operand, else the second. */
	bool immediate; /**< The other operand is imm, else a register. */
	uint64_t imm;
	uint8_t reg; /**< 0..15 as encoded: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8... */
	bool high_byte; /**< The register is ah, ch, dh or bh: bits 15:8 of reg. */
	uint8_t reg_width; /**< Bytes of the register operand: 1, 2, 4 or 8. */
	bool sign; /**< The loaded value is sign extended to reg_width. */
};

/**
 * Decode one instruction.
 * @param code  The instruction; no byte after its end is read.
 * @param max   Bytes that may be read at code.
 * @return false: not one of these instructions (insn is undefined).
 */
bool shim_decode(const uint8_t *code, size_t max, struct shim_insn *insn);

/** Whether the instruction loads from memory. */
bool shim_insn_loads(const struct shim_insn *insn);
/** Whether the instruction stores to memory (after its load, if it has one). */
bool shim_insn_stores(const struct shim_insn *insn);

/**
 * Execute an instruction.
 * @param reg     In and out: the whole register.
 * @param flags   In and out: rflags.
 * @param memory  In: the loaded bytes, if it loads. Out: the bytes to store, if it stores.
 */
void shim_insn_run(const struct shim_insn *insn, uint64_t *reg, uint64_t *flags, uint64_t *memory);

#endif /* SHIM_DECODE_H */
