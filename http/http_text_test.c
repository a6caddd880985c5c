/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of HTTP's character classes. */
#include "http/http_text.h"

#include "base/test.h"

/* Each byte at each place of values of many lengths (RFC 9110, section 5.5). */
TEST(a_value_has_no_control_characters_but_tabs)
{
    char text[40];

    CHECK(http_text_is_value(STR("")));
    for (size_t length = 1; length < sizeof(text); length++) {
        for (size_t at = 0; at < length; at++) {
            for (int byte = 0; byte < 256; byte++) {
                bool allowed = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
                memset(text, 'a', sizeof(text));
                text[at] = (char)byte;
                CHECK(http_text_is_value(str_sized(text, length)) == allowed);
            }
        }
    }
}

/* A second byte beside the first one, where eight are looked at together. */
TEST(a_bad_byte_is_found_beside_any_other)
{
    for (int bad = 0; bad < 256; bad++) {
        for (int other = 0; other < 256; other++) {
            char text[] = {'a', (char)bad, (char)other, 'a', 'a', 'a', 'a', 'a', 'a'};
            bool allowed = true;
            for (int i = 1; i < 3; i++) {
                uint8_t byte = (uint8_t)text[i];
                allowed &= byte == '\t' || (byte >= 0x20 && byte != 0x7f);
            }
            CHECK(http_text_is_value(str_sized(text, sizeof(text))) == allowed);
        }
    }
}
