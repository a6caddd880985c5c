/* SPDX-License-Identifier: Apache-2.0 */
/* The switch for AArch64 (AAPCS64: x19 to x30 and the low halves of v8 to v15 belong to the caller).
 * fiber_switch.c has the declarations and the layout of what is saved. */
#if defined(__aarch64__) && !defined(ARGOSY_FIBER_UCONTEXT)

    .text

/* void fiber_switch_stack(void **ret_from: x0, void *to: x1) */
    .globl  fiber_switch_stack
    .type   fiber_switch_stack, %function
    .p2align 4
fiber_switch_stack:
    .cfi_startproc
    sub     sp, sp, #160
    stp     x19, x20, [sp, #0]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    mov     x2, sp
    str     x2, [x0]
    mov     sp, x1
    ldp     x19, x20, [sp, #0]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    add     sp, sp, #160
    /* Processors predict returns in pairs with calls, and this one never pairs; a jump is
     * predicted better. */
    br      x30
    .cfi_endproc
    .size   fiber_switch_stack, . - fiber_switch_stack

/* The first frame of a stack. */
    .globl  fiber_switch_begin
    .type   fiber_switch_begin, %function
    .p2align 4
fiber_switch_begin:
    .cfi_startproc
    .cfi_undefined x30
    mov     x0, x20
    blr     x19
    brk     #1
    .cfi_endproc
    .size   fiber_switch_begin, . - fiber_switch_begin

#endif

    .section .note.GNU-stack, "", %progbits
