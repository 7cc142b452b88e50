/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The handler of SIGSEGV, which register traps need for themselves.
 *
 * The handler that a program sets is kept, and gets all other faults. No thread may block SIGSEGV:
 * the kernel ends a process whose fault is blocked.
 */

#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

typedef int (*sigaction_fn)(int, const struct sigaction *, struct sigaction *);
typedef int (*mask_fn)(int, const sigset_t *, sigset_t *);

static sigaction_fn real_sigaction;
static mask_fn real_sigprocmask, real_pthread_sigmask;

/* The handler that the program set. A reader uses one copy while a writer fills the other. */
static struct sigaction kept[2];
static atomic_uint kept_at;
static bool installed;

static void
find_real(void)
{
	if (real_sigaction != NULL)
		return;
	real_sigprocmask = (mask_fn)dlsym(RTLD_NEXT, "sigprocmask");
	real_pthread_sigmask = (mask_fn)dlsym(RTLD_NEXT, "pthread_sigmask");
	real_sigaction = (sigaction_fn)dlsym(RTLD_NEXT, "sigaction");
}

/* ---------------------------------------------------------------- faults */

/* Restore the default action, which ends the process. */
static void
die_of(int sig, const siginfo_t *info)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = { .handler = SIG_DFL };

	syscall(SYS_rt_sigaction, sig, &action, NULL, sizeof(action.mask));
	/* A fault repeats on return; a signal that was sent does not. */
	if (info->si_code <= 0)
		syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), sig);
}

static void
chain(int sig, siginfo_t *info, void *context)
{
	const struct sigaction action = kept[atomic_load(&kept_at) & 1];
	const bool sent = info->si_code <= 0;
	sigset_t old, mask = action.sa_mask;

	if (action.sa_handler == SIG_IGN && sent)
		return;
	/* A fault cannot be ignored: the kernel ends such a process too. */
	if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
		die_of(sig, info);
		return;
	}
	if ((action.sa_flags & SA_RESETHAND) != 0) {
		kept[(atomic_load(&kept_at) + 1) & 1] = (struct sigaction){ .sa_handler = SIG_DFL };
		atomic_fetch_add(&kept_at, 1);
	}
	/* This handler blocks all signals. Block only the signals of the program's own handler,
	 * and the signals that were blocked before, which are in the context. */
	sigorset(&mask, &mask, &((ucontext_t *)context)->uc_sigmask);
	if ((action.sa_flags & SA_NODEFER) == 0)
		sigaddset(&mask, sig);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &old, sizeof(uint64_t));
	if ((action.sa_flags & SA_SIGINFO) != 0)
		action.sa_sigaction(sig, info, context);
	else
		action.sa_handler(sig);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(uint64_t));
}

static void
on_fault(int sig, siginfo_t *info, void *context)
{
	if (info->si_code > 0 && shim_trap_handle(info, context))
		return;
	chain(sig, info, context);
}

__attribute__((constructor(102))) static void
signal_init(void)
{
	struct sigaction ours = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	sigset_t set;

	find_real();
	if (!shim_active())
		return;
	sigfillset(&ours.sa_mask);
	if (real_sigaction(SIGSEGV, &ours, &kept[0]) == 0)
		installed = true;
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	real_pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* ---------------------------------------------------------------- replaced functions of libc */

SHIM_PUBLIC int
sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction changed, before;

	find_real();
	if (!installed)
		return real_sigaction(sig, act, old);
	if (sig != SIGSEGV) {
		if (act != NULL && sigismember(&act->sa_mask, SIGSEGV) == 1) {
			changed = *act;
			sigdelset(&changed.sa_mask, SIGSEGV);
			act = &changed;
		}
		return real_sigaction(sig, act, old);
	}
	before = kept[atomic_load(&kept_at) & 1];
	if (act != NULL) {
		kept[(atomic_load(&kept_at) + 1) & 1] = *act;
		atomic_fetch_add(&kept_at, 1);
	}
	if (old != NULL)
		*old = before;
	return 0;
}

static sighandler_t
set_handler(int sig, sighandler_t handler, int flags)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags }, old;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	sigemptyset(&act.sa_mask);
	if ((flags & SA_NODEFER) == 0)
		sigaddset(&act.sa_mask, sig);
	return sigaction(sig, &act, &old) == 0 ? old.sa_handler : SIG_ERR;
}

/* signal() of libc would not call the sigaction() above. */
SHIM_PUBLIC sighandler_t
signal(int sig, sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESTART);
}

SHIM_PUBLIC sighandler_t
ssignal(int sig, sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESTART);
}

SHIM_PUBLIC sighandler_t bsd_signal(int sig, sighandler_t handler);

SHIM_PUBLIC sighandler_t
bsd_signal(int sig, sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESTART);
}

SHIM_PUBLIC sighandler_t
sysv_signal(int sig, sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESETHAND | SA_NODEFER);
}

static int
set_mask(mask_fn real, int how, const sigset_t *set, sigset_t *old)
{
	sigset_t changed;

	if (installed && set != NULL && how != SIG_UNBLOCK && sigismember(set, SIGSEGV) == 1) {
		changed = *set;
		sigdelset(&changed, SIGSEGV);
		set = &changed;
	}
	return real(how, set, old);
}

SHIM_PUBLIC int
sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	find_real();
	return set_mask(real_sigprocmask, how, set, old);
}

SHIM_PUBLIC int
pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	find_real();
	return set_mask(real_pthread_sigmask, how, set, old);
}
