/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of reading the protobuf wire format. */
#include "rpc/wire.h"

#include "base/test.h"

/* Each number that begins or ends a length, read from exactly its bytes, and from one too few. */
TEST(varints_of_every_length_are_read)
{
    for (int bits = 0; bits <= 64; bits++) {
        for (int less = 0; less < 2; less++) {
            uint64_t number = (bits < 64 ? UINT64_C(1) << bits : 0) - (uint64_t)less, value = 7;
            char bytes[10];
            size_t size = 0;
            uint64_t left = number;
            do {
                bytes[size++] = (char)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
                left >>= 7;
            } while (left > 0);
            struct str rest = str_sized(bytes, size), cut = str_sized(bytes, size - 1);
            CHECK(wire_take_value(&rest, WIRE_VARINT, &value));
            CHECK(value == number && rest.length == 0);
            CHECK(!wire_take_value(&cut, WIRE_VARINT, &value));
        }
    }
}

TEST(varints_of_more_than_64_bits_are_refused)
{
    struct str most = STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    struct str bit_more = STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
    struct str byte_more = STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01");
    struct str padded = STR("\x81\x80\x80\x00rest"); /* longer than it needs to be */
    uint64_t value;

    CHECK(wire_take_value(&most, WIRE_VARINT, &value) && value == UINT64_MAX);
    CHECK(!wire_take_value(&bit_more, WIRE_VARINT, &value));
    CHECK(!wire_take_value(&byte_more, WIRE_VARINT, &value));
    CHECK(wire_take_value(&padded, WIRE_VARINT, &value) && value == 1);
    CHECK(str_is(padded, "rest"));
}
