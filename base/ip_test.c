/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of parsing addresses with and without ports, and of grouping them. */
#include "base/ip.h"

#include "base/test.h"

static const char *node(const char *text)
{
    static char formatted[IP_TEXT_SIZE];
    struct ip ip;

    if (!ip_parse_node(str_of(text), &ip)) return "";
    ip_format(&ip, formatted);
    return formatted;
}

static const char *party(const char *text)
{
    static char formatted[IP_TEXT_SIZE];

    ip_party(text, formatted);
    return formatted;
}

TEST(nodes_are_addresses_with_a_port_or_without)
{
    CHECK_STR(node("192.0.2.1"), "192.0.2.1");
    CHECK_STR(node("192.0.2.1:8080"), "192.0.2.1");
    CHECK_STR(node("2001:DB8::1"), "2001:db8::1");
    CHECK_STR(node("[2001:db8::1]"), "2001:db8::1");
    CHECK_STR(node("[2001:db8::1]:443"), "2001:db8::1");
    CHECK_STR(node("::ffff:192.0.2.1"), "192.0.2.1");
}

TEST(malformed_nodes_are_refused)
{
    static const char *const bad[] = {
        "",
        "unknown",
        "_hidden",
        "192.0.2.1:",
        "192.0.2.1:99999",
        "192.0.2.1:x",
        "192.0.2.1:-1",
        "[192.0.2.1]",
        "[2001:db8::1",
        "[2001:db8::1]443",
        "[]",
        "2001:db8::1]",
        "[2001:db8::1]:",
        "192.0.2",
        "192.0.2.1:80:80",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) CHECK_STR(node(bad[i]), "");
}

TEST(an_ipv6_network_is_one_party)
{
    CHECK_STR(party("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    CHECK_STR(party("2001:db8:1:2::9"), "2001:db8:1:2::");
    CHECK_STR(party("2001:db8:1:3::9"), "2001:db8:1:3::");
    CHECK_STR(party("192.0.2.1"), "192.0.2.1");
    CHECK_STR(party("::ffff:192.0.2.1"), "192.0.2.1");
    CHECK_STR(party("somebody"), "somebody");
}

static bool is_loopback(const char *text)
{
    struct ip ip;

    CHECK(ip_parse(str_of(text), &ip));
    return ip_is_loopback(&ip);
}

TEST(this_machines_own_addresses_are_known)
{
    CHECK(is_loopback("127.0.0.1") && is_loopback("127.255.0.9") && is_loopback("::1"));
    CHECK(is_loopback("::ffff:127.0.0.1"));
    CHECK(!is_loopback("128.0.0.1") && !is_loopback("::2") && !is_loopback("::"));
    CHECK(!is_loopback("2001:db8::1") && !is_loopback("::ffff:192.0.2.1"));
}
