/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of parsing and formatting socket addresses. */
#include "fiber/address.h"

#include "base/test.h"

TEST(splits_host_and_port)
{
    char host[ADDRESS_HOST_SIZE];
    uint16_t port;

    CHECK(address_split("127.0.0.1:8000", host, &port));
    CHECK_STR(host, "127.0.0.1");
    CHECK_INT(port, ==, 8000);
    CHECK(address_split("[2001:db8::1]:65535", host, &port));
    CHECK_STR(host, "2001:db8::1");
    CHECK_INT(port, ==, 65535);
    CHECK(address_split("redis.example.com:0", host, &port));
    CHECK_STR(host, "redis.example.com");
    CHECK_INT(port, ==, 0);
}

TEST(refuses_ambiguous_addresses)
{
    char long_name[ADDRESS_HOST_SIZE + 4];
    char host[ADDRESS_HOST_SIZE];
    uint16_t port;

    CHECK(!address_split("", host, &port));
    CHECK(!address_split("host", host, &port));
    CHECK(!address_split("host:", host, &port));
    CHECK(!address_split(":1", host, &port));
    CHECK(!address_split("[]:1", host, &port));
    CHECK(!address_split("::1:1", host, &port));
    CHECK(!address_split("host:65536", host, &port));
    CHECK(!address_split("host:+1x", host, &port));
    memset(long_name, 'a', sizeof(long_name));
    memcpy(long_name + ADDRESS_HOST_SIZE, ":1", 3);
    CHECK(!address_split(long_name, host, &port));
    CHECK(address_split(long_name + 1, host, &port));
}

static void check_format(const char *ip, const char *format, const char *peer, bool loopback)
{
    struct sockaddr_storage address;
    char text[ADDRESS_TEXT_SIZE];

    CHECK(address_from_ip(ip, 8000, &address));
    CHECK_INT(address_port(&address), ==, 8000);
    address_format(&address, text);
    CHECK_STR(text, format);
    address_format_ip(&address, text);
    CHECK_STR(text, peer);
    CHECK(address_is_loopback(&address) == loopback);
}

TEST(reads_and_writes_ip_addresses)
{
    struct sockaddr_storage address;

    check_format("127.0.0.1", "127.0.0.1:8000", "127.0.0.1", true);
    check_format("localhost", "127.0.0.1:8000", "127.0.0.1", true);
    check_format("127.8.9.10", "127.8.9.10:8000", "127.8.9.10", true);
    check_format("192.0.2.7", "192.0.2.7:8000", "192.0.2.7", false);
    check_format("::1", "[::1]:8000", "::1", true);
    check_format("2001:db8::7", "[2001:db8::7]:8000", "2001:db8::7", false);
    check_format("::ffff:127.0.0.1", "[::ffff:127.0.0.1]:8000", "127.0.0.1", true);
    check_format("::ffff:192.0.2.7", "[::ffff:192.0.2.7]:8000", "192.0.2.7", false);
    CHECK(!address_from_ip("example.com", 1, &address));
    CHECK(!address_from_ip("1.2.3", 1, &address));
    CHECK(!address_from_ip("", 1, &address));
}

TEST(an_ipv6_network_has_one_owner)
{
    CHECK(address_owner("2001:db8::1") == address_owner("2001:db8:0:0:ffff::2"));
    CHECK(address_owner("2001:db8::1") != address_owner("2001:db8:0:1::1"));
    CHECK(address_owner("192.0.2.1") != address_owner("192.0.2.2"));
    CHECK(address_owner("192.0.2.1") == address_owner("192.0.2.1"));
}
