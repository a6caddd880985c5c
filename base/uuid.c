/* SPDX-License-Identifier: Apache-2.0 */
/* UUID version 7 from the clock, a counter per thread, and random bits. */
#include "base/uuid.h"

#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"

/* The 12 bits behind the time are a counter (RFC 9562, section 6.2, method 1). In each millisecond
 * it starts at a random value with its highest bit clear. When it overflows, or when the clock goes
 * back, the time in the ids advances on its own until the clock has caught up. */
enum { COUNTER_MAX = 0xfff, COUNTER_START_MAX = 0x7ff };

struct sequence {
    int64_t time_ms;
    unsigned counter;
};

static _Thread_local struct sequence sequence;

static void advance(unsigned fresh)
{
    int64_t now_ms = clock_now_us() / 1000;

    if (now_ms <= sequence.time_ms && sequence.counter < COUNTER_MAX) {
        sequence.counter++;
        return;
    }
    sequence.time_ms = now_ms > sequence.time_ms ? now_ms : sequence.time_ms + 1;
    sequence.counter = fresh & COUNTER_START_MAX;
}

void uuid_v7(char ret_text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];

    random_bytes(bytes + 6, sizeof(bytes) - 6);
    advance((unsigned)bytes[6] << 8 | bytes[7]);
    for (int i = 0; i < 6; i++) bytes[i] = (uint8_t)(sequence.time_ms >> (40 - 8 * i));
    bytes[6] = (uint8_t)(0x70 | sequence.counter >> 8);
    bytes[7] = (uint8_t)sequence.counter;
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));

    char *out = ret_text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = 0;
}

char *uuid_new(struct arena *arena)
{
    char *text = arena_alloc(arena, UUID_TEXT_SIZE);

    uuid_v7(text);
    return text;
}

static bool is_hex_digit(char byte)
{
    char lower = (char)(byte | 0x20);

    return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'f');
}

bool uuid_is_valid(struct str text)
{
    if (text.length != UUID_TEXT_SIZE - 1) return false;
    for (size_t i = 0; i < text.length; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.data[i] != '-' : !is_hex_digit(text.data[i])) return false;
    }
    return true;
}
