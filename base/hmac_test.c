/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 against the vectors of RFC 4231, also from several threads. */
#include "base/hmac.h"

#include <pthread.h>

#include "base/encode.h"
#include "base/test.h"

static bool is(struct str key, struct str data, const char *expected)
{
    uint8_t mac[HMAC_SHA256_SIZE];
    struct arena arena;

    arena_init(&arena, 0);
    hmac_sha256(key, data, mac);
    bool same = str_is(hex_encode(&arena, str_sized(mac, sizeof(mac))), expected);
    arena_release(&arena);
    return same;
}

/* RFC 4231, section 4. */
TEST(hmac_has_the_vectors_of_its_rfc)
{
    char key[131];

    memset(key, 0x0b, 20);
    CHECK(is(str_sized(key, 20), STR("Hi There"),
             "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
    CHECK(is(STR("Jefe"), STR("what do ya want for nothing?"),
             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    memset(key, 0xaa, sizeof(key));
    CHECK(is(str_sized(key, 131), STR("Test Using Larger Than Block-Size Key - Hash Key First"),
             "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
    CHECK(is(STR("Jefe"), STR(""),
             "923598ca6d64af2a5dba79dcd021a8a0fe5c5f557519adaaf0ad532d4506dd30"));
}

static void *many(void *data)
{
    for (int i = 0; i < 500; i++)
        if (!is(STR("Jefe"), STR("what do ya want for nothing?"),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"))
            *(bool *)data = false;
    return 0;
}

TEST(threads_do_not_interfere)
{
    bool good[4] = {true, true, true, true};
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], 0, many, &good[i]) == 0);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], 0) == 0);
    for (int i = 0; i < 4; i++) CHECK(good[i]);
}
