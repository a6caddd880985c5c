/* SPDX-License-Identifier: Apache-2.0 */
/* The switch for x86-64 (System V ABI: rbx, rbp and r12 to r15 belong to the caller).
 * fiber_switch.c has the declarations and the layout of what is saved. */
#if defined(__x86_64__) && !defined(ARGOSY_FIBER_UCONTEXT)

    .text

/* void fiber_switch_stack(void **ret_from: rdi, void *to: rsi) */
    .globl  fiber_switch_stack
    .type   fiber_switch_stack, @function
    .p2align 4
fiber_switch_stack:
    .cfi_startproc
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    /* Processors predict returns in pairs with calls, and this one never pairs; a jump is
     * predicted better. */
    popq    %rcx
    jmpq    *%rcx
    .cfi_endproc
    .size   fiber_switch_stack, . - fiber_switch_stack

/* The first frame of a stack. */
    .globl  fiber_switch_begin
    .type   fiber_switch_begin, @function
    .p2align 4
fiber_switch_begin:
    .cfi_startproc
    .cfi_undefined rip
    movq    %r12, %rdi
    callq   *%r13
    ud2
    .cfi_endproc
    .size   fiber_switch_begin, . - fiber_switch_begin

#endif

    .section .note.GNU-stack, "", %progbits
