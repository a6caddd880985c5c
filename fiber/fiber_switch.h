/* SPDX-License-Identifier: Apache-2.0 */
/* Switches between stacks; knows nothing of shards or scheduling.
 *
 *     fiber_context_init(&thread);                                  the stack that runs now
 *     fiber_context_make(&fiber, stack, size, entry, data);
 *     fiber_context_switch(&thread, &fiber);                        entry(data) runs on the stack
 *         in entry: fiber_context_switch(&fiber, &thread);          and back, as often as you like
 *         at last:  fiber_context_leave(&fiber, &thread);           entry must never return
 *     fiber_context_release(&fiber);
 *
 * Assembly on x86-64 and AArch64, swapcontext elsewhere or with ARGOSY_FIBER_UCONTEXT. The signal
 * mask and the floating point environment are the thread's, not the fiber's (swapcontext saves them
 * nevertheless). AddressSanitizer and ThreadSanitizer are notified of each switch. */
#ifndef FIBER_FIBER_SWITCH_H
#define FIBER_FIBER_SWITCH_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif

#if !defined(ARGOSY_FIBER_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define ARGOSY_FIBER_UCONTEXT 1
#endif
#if defined(ARGOSY_FIBER_UCONTEXT)
#include <ucontext.h>
#endif

struct fiber_context {
#if defined(ARGOSY_FIBER_UCONTEXT)
    ucontext_t registers;
#else
    void *stack_pointer; /* while it is switched out; its registers are saved there */
#endif
    void (*entry)(void *data);
    void *data;
#if defined(FIBER_ASAN)
    const void *stack;
    size_t stack_size;
    void *fake_stack;
    struct fiber_context *from; /* the context that switched here last */
#endif
#if defined(FIBER_TSAN)
    void *tsan_fiber;
#endif
};

void fiber_context_init(struct fiber_context *context);

/* `stack` is the lowest byte; it and its size are multiples of 16. */
void fiber_context_make(struct fiber_context *context, void *stack, size_t size,
                        void (*entry)(void *data), void *data);

/* Saves the running context in `from` and continues `to`. */
void fiber_context_switch(struct fiber_context *from, struct fiber_context *to);

/* The same for the last time: `from` must not be switched to again. */
_Noreturn void fiber_context_leave(struct fiber_context *from, struct fiber_context *to);

void fiber_context_release(struct fiber_context *context);

#endif
