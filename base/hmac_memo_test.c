/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered never changes an answer: neither a bit of the key, the data or the mac that
 * differs from what was found right, nor more macs than there is room for. */
#include "base/hmac_memo.h"

#include "base/hmac.h"
#include "base/test.h"

#define KEY "0123456789abcdef0123456789abcdef"
#define DATA "eyJhbGciOiJIUzI1NiJ9.eyJFbWFpbCI6ImFubkBleGFtcGxlLmNvbSJ9"

static struct str mac_of(struct str key, struct str data, uint8_t mac[HMAC_SHA256_SIZE])
{
    hmac_sha256(key, data, mac);
    return str_sized(mac, HMAC_SHA256_SIZE);
}

TEST(what_is_right_is_right_each_time)
{
    uint8_t bytes[HMAC_SHA256_SIZE];
    struct str mac = mac_of(STR(KEY), STR(DATA), bytes);

    for (int i = 0; i < 3; i++) CHECK(hmac_memo_verify(STR(KEY), STR(DATA), mac));
}

/* The right one is asked for before each wrong one, so that it is remembered. */
TEST(a_bit_that_differs_is_refused_also_beside_what_is_remembered)
{
    char key[] = KEY, data[] = DATA;
    uint8_t bytes[HMAC_SHA256_SIZE];
    struct str mac = mac_of(STR(KEY), STR(DATA), bytes);
    const struct {
        char *at;
        size_t size;
    } parts[] = {{key, sizeof(key) - 1}, {data, sizeof(data) - 1}, {(char *)bytes, sizeof(bytes)}};

    for (size_t part = 0; part < 3; part++) {
        for (size_t bit = 0; bit < 8 * parts[part].size; bit++) {
            CHECK(hmac_memo_verify(STR(KEY), STR(DATA), mac));
            parts[part].at[bit / 8] ^= (char)(1 << bit % 8);
            CHECK(!hmac_memo_verify(str_of(key), str_sized(data, sizeof(data) - 1), mac));
            parts[part].at[bit / 8] ^= (char)(1 << bit % 8);
        }
    }
}

TEST(where_the_key_ends_and_the_data_begins_matters)
{
    uint8_t bytes[HMAC_SHA256_SIZE];
    struct str mac = mac_of(STR("key"), STR("data"), bytes);

    CHECK(hmac_memo_verify(STR("key"), STR("data"), mac));
    CHECK(!hmac_memo_verify(STR("keyd"), STR("ata"), mac));
    CHECK(!hmac_memo_verify(STR("key"), STR("dat"), mac));
    CHECK(!hmac_memo_verify(STR("key"), STR("data"), str_sized(bytes, sizeof(bytes) - 1)));
    CHECK(!hmac_memo_verify(STR("key"), STR("data"), STR("")));
}

/* More of them than are remembered, of every size up to beyond what is remembered. */
TEST(any_number_and_size_is_verified)
{
    static char data[4 * HMAC_MEMO_ENTRIES];
    uint8_t bytes[HMAC_SHA256_SIZE];

    memset(data, 'x', sizeof(data));
    for (int round = 0; round < 2; round++) {
        for (size_t size = 0; size < sizeof(data); size++) {
            struct str text = str_sized(data, size), mac = mac_of(STR(KEY), text, bytes);
            CHECK(hmac_memo_verify(STR(KEY), text, mac));
            bytes[size % sizeof(bytes)] ^= 1;
            CHECK(!hmac_memo_verify(STR(KEY), text, mac));
        }
    }
    for (int round = 0; round < 2; round++) {
        for (uint16_t i = 0; i < 4 * HMAC_MEMO_ENTRIES; i++) {
            memcpy(data, &i, sizeof(i));
            struct str text = str_sized(data, 64), mac = mac_of(STR(KEY), text, bytes);
            CHECK(hmac_memo_verify(STR(KEY), text, mac));
        }
    }
}
