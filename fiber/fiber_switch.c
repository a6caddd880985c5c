/* SPDX-License-Identifier: Apache-2.0 */
/* The first frame of a new stack, and the hooks of the sanitizers around each switch. */
#include "fiber/fiber_switch.h"

#include <stdint.h>
#include <stdlib.h>

#if defined(FIBER_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

/* The hooks and the switch must not have frames of their own, which would begin on one stack and
 * end on another. */
#define INLINE static inline __attribute__((always_inline))

INLINE void before_switch(struct fiber_context *from, struct fiber_context *to, int leaves)
{
#if defined(FIBER_ASAN)
    to->from = from;
    __sanitizer_start_switch_fiber(leaves ? 0 : &from->fake_stack, to->stack, to->stack_size);
#endif
#if defined(FIBER_TSAN)
    /* A thread's own context may have moved to another thread since it was made. */
    if (!from->entry) from->tsan_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
}

/* Runs on the stack of `self`, right after it was switched to. */
INLINE void after_switch(struct fiber_context *self)
{
#if defined(FIBER_ASAN)
    const void *stack;
    size_t stack_size;

    __sanitizer_finish_switch_fiber(self->fake_stack, &stack, &stack_size);
    if (!self->from->entry) {
        /* Only now is it known where the thread's own stack lies. */
        self->from->stack = stack;
        self->from->stack_size = stack_size;
    }
#endif
}

static void begin(struct fiber_context *self)
{
    after_switch(self);
    self->entry(self->data);
    abort();
}

void fiber_context_init(struct fiber_context *context)
{
    *context = (struct fiber_context){0};
}

#if defined(ARGOSY_FIBER_UCONTEXT)

/* makecontext passes nothing but ints. */
static void begin_from_halves(unsigned high, unsigned low)
{
    begin((struct fiber_context *)(((uintptr_t)high << 16 << 16) | (uintptr_t)low));
}

static void make_registers(struct fiber_context *context, void *stack, size_t size)
{
    uintptr_t self = (uintptr_t)context;

    getcontext(&context->registers);
    context->registers.uc_stack.ss_sp = stack;
    context->registers.uc_stack.ss_size = size;
    context->registers.uc_link = 0;
    makecontext(&context->registers, (void (*)(void))begin_from_halves, 2,
                (unsigned)(self >> 16 >> 16), (unsigned)self);
}

INLINE void switch_registers(struct fiber_context *from, struct fiber_context *to)
{
    swapcontext(&from->registers, &to->registers);
}

#else

/* In assembly: saves the registers that a function must keep on the stack, and the stack pointer in
 * *ret_from; then the reverse with `to`. */
void fiber_switch_stack(void **ret_from, void *to);
/* In assembly: where a new stack starts; calls the function of the saved registers with the
 * argument found there. */
void fiber_switch_begin(void);

/* The saved registers as fiber_switch_stack leaves them, the lowest address first. */
struct saved_registers {
#if defined(__x86_64__)
    uint64_t r15, r14;
    uint64_t function; /* r13 */
    uint64_t argument; /* r12 */
    uint64_t rbx, rbp;
    uint64_t return_to;
    uint64_t end_of_stack[2]; /* a return address of 0, where debuggers stop, and the alignment */
#else
    uint64_t function; /* x19 */
    uint64_t argument; /* x20 */
    uint64_t x21_to_x28[8];
    uint64_t frame;     /* x29 */
    uint64_t return_to; /* x30 */
    uint64_t d8_to_d15[8];
#endif
};

static void make_registers(struct fiber_context *context, void *stack, size_t size)
{
    struct saved_registers *saved = (struct saved_registers *)((char *)stack + size -
                                                               sizeof(*saved));

    *saved = (struct saved_registers){
        .function = (uint64_t)(uintptr_t)begin,
        .argument = (uint64_t)(uintptr_t)context,
        .return_to = (uint64_t)(uintptr_t)fiber_switch_begin,
    };
    context->stack_pointer = saved;
}

INLINE void switch_registers(struct fiber_context *from, struct fiber_context *to)
{
    fiber_switch_stack(&from->stack_pointer, to->stack_pointer);
}

#endif

void fiber_context_make(struct fiber_context *context, void *stack, size_t size,
                        void (*entry)(void *data), void *data)
{
    *context = (struct fiber_context){.entry = entry, .data = data};
#if defined(FIBER_ASAN)
    context->stack = stack;
    context->stack_size = size;
#endif
#if defined(FIBER_TSAN)
    context->tsan_fiber = __tsan_create_fiber(0);
#endif
    make_registers(context, stack, size);
}

void fiber_context_switch(struct fiber_context *from, struct fiber_context *to)
{
    before_switch(from, to, 0);
    switch_registers(from, to);
    after_switch(from);
}

void fiber_context_leave(struct fiber_context *from, struct fiber_context *to)
{
    before_switch(from, to, 1);
    switch_registers(from, to);
    abort();
}

void fiber_context_release(struct fiber_context *context)
{
#if defined(FIBER_ASAN)
    /* The frames that never returned have left their red zones behind. */
    __asan_unpoison_memory_region(context->stack, context->stack_size);
#endif
#if defined(FIBER_TSAN)
    __tsan_destroy_fiber(context->tsan_fiber);
#endif
}
