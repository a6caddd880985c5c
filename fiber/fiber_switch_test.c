/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the switch alone. They need no loop, so they run on any machine or emulator. */
#include "fiber/fiber_switch.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/test.h"

enum { STACK_SIZE = 512 * 1024 };

static struct fiber_context thread, fiber, other;

static void *stack_new(void)
{
    void *stack = mmap(0, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(stack != MAP_FAILED);
    return stack;
}

static void count_to_three(void *data)
{
    int *count = data;

    for (int i = 1; i <= 3; i++) {
        *count = i;
        fiber_context_switch(&fiber, &thread);
    }
    *count = 100;
    fiber_context_leave(&fiber, &thread);
}

TEST(goes_back_and_forth)
{
    void *stack = stack_new();
    int count = 0;

    fiber_context_init(&thread);
    fiber_context_make(&fiber, stack, STACK_SIZE, count_to_three, &count);
    for (int i = 1; i <= 3; i++) {
        fiber_context_switch(&thread, &fiber);
        CHECK_INT(count, ==, i);
    }
    fiber_context_switch(&thread, &fiber);
    CHECK_INT(count, ==, 100);
    fiber_context_release(&fiber);
    munmap(stack, STACK_SIZE);
}

/* Fills every register that a function must keep, and more, so that a lost one changes the sum. */
static double work(struct fiber_context *self, struct fiber_context *to, uint64_t seed)
{
    uint64_t a = seed, b = a * 3, c = b + 7, d = c ^ 99, e = d * 5, f = e + a, g = f ^ b, h = g + c;
    double s = (double)seed, t = s * 1.5, u = t + 2.25, v = u * 0.5, w = v + s, x = w * 3,
           y = x - t;

    for (int i = 0; i < 100; i++) {
        a += h, b ^= a, c += b, d ^= c, e += d, f ^= e, g += f, h ^= g;
        s = y * 0.001 + 1, t += s, u += t * 0.5, v -= u * 0.25, w += v, x += w * 0.125,
        y = x * 0.01;
        if (to) fiber_context_switch(self, to);
    }
    return s + t + u + v + w + x + y + (double)((a ^ b ^ c ^ d ^ e ^ f ^ g ^ h) & 0xffff);
}

static double sum_of_first, sum_of_other;

static void work_first(void *data)
{
    sum_of_first = work(&fiber, &other, 11);
    fiber_context_leave(&fiber, &thread);
}

static void work_other(void *data)
{
    sum_of_other = work(&other, &fiber, 22);
    fiber_context_leave(&other, &thread);
}

TEST(keeps_registers_and_numbers)
{
    void *stack = stack_new(), *stack_of_other = stack_new();

    fiber_context_init(&thread);
    fiber_context_make(&fiber, stack, STACK_SIZE, work_first, 0);
    fiber_context_make(&other, stack_of_other, STACK_SIZE, work_other, 0);
    fiber_context_switch(&thread, &fiber);
    fiber_context_switch(&thread, &other);
    CHECK(sum_of_first == work(0, 0, 11));
    CHECK(sum_of_other == work(0, 0, 22));
    fiber_context_release(&fiber);
    fiber_context_release(&other);
    munmap(stack, STACK_SIZE);
    munmap(stack_of_other, STACK_SIZE);
}

static bool aligned;

static void look_at_alignment(void *data)
{
    _Alignas(16) char buffer[16];

    /* printf of a double stores vectors in its frame, which faults if the stack is not aligned. */
    snprintf(buffer, sizeof(buffer), "%.2f", *(double *)data);
    aligned = strcmp(buffer, "1.50") == 0 && ((uintptr_t)__builtin_frame_address(0) & 15) == 0;
    fiber_context_leave(&fiber, &thread);
}

TEST(starts_with_an_aligned_stack)
{
    void *stack = stack_new();
    double number = 1.5;

    fiber_context_init(&thread);
    fiber_context_make(&fiber, stack, STACK_SIZE, look_at_alignment, &number);
    fiber_context_switch(&thread, &fiber);
    CHECK(aligned);
    fiber_context_release(&fiber);
    munmap(stack, STACK_SIZE);
}
