/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of currencies and of the conversion between doubles and minor units. */
#include "base/money.h"

#include "base/test.h"

static int exponent_of(const char *currency)
{
    int exponent;

    return money_exponent(currency, &exponent) ? exponent : -1;
}

TEST(currencies_have_their_decimals)
{
    CHECK_INT(exponent_of("USD"), ==, 2);
    CHECK_INT(exponent_of("EUR"), ==, 2);
    CHECK_INT(exponent_of("JPY"), ==, 0);
    CHECK_INT(exponent_of("KWD"), ==, 3);
    CHECK_INT(exponent_of("CLF"), ==, 4);
    CHECK_INT(exponent_of("XYZ"), ==, -1);
    CHECK_INT(exponent_of("usd"), ==, -1);
    CHECK_INT(exponent_of("US"), ==, -1);
    CHECK_INT(exponent_of("SD "), ==, -1);
    CHECK_INT(exponent_of(""), ==, -1);
}

TEST(each_currency_of_the_list_is_found)
{
    static const struct {
        int exponent;
        const char *codes;
    } listed[] = {
        {0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "},
        {2, "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP "
            "BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB "
            "EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES "
            "KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR "
            "MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD "
            "RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
            "TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG "},
        {3, "BHD IQD JOD KWD LYD OMR TND "},
        {4, "CLF UYW "},
    };
    char code[4] = "";

    for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
        for (const char *next = listed[i].codes; *next; next += 4) {
            memcpy(code, next, 3);
            CHECK_INT(exponent_of(code), ==, listed[i].exponent);
        }
    }
}

TEST(the_list_is_that_of_amendment_180)
{
    static const char *const withdrawn[][2] = {
        {"ANG", "XCG"}, {"BGN", "EUR"}, {"CUC", "CUP"}, {"HRK", "EUR"}, {"SLL", "SLE"},
        {"STD", "STN"}, {"VEF", "VES"}, {"MRO", "MRU"}, {"ZWL", "ZWG"}, {"BYR", "BYN"},
    };

    CHECK_INT(exponent_of("XCG"), ==, 2);
    CHECK_INT(exponent_of("ZWG"), ==, 2);
    CHECK_INT(exponent_of("XAD"), ==, 2);
    CHECK_INT(exponent_of("VED"), ==, 2);
    CHECK_INT(exponent_of("UYW"), ==, 4);
    CHECK_INT(exponent_of("XAU"), ==, -1); /* gold has no minor unit */
    CHECK_INT(exponent_of("BYR"), ==, 0);
    for (size_t i = 0; i < sizeof(withdrawn) / sizeof(withdrawn[0]); i++) {
        CHECK(exponent_of(withdrawn[i][0]) >= 0); /* amounts in it can be read */
        CHECK_STR(money_successor(withdrawn[i][0]), withdrawn[i][1]);
        CHECK(exponent_of(withdrawn[i][1]) >= 0 && !money_successor(withdrawn[i][1]));
    }
    CHECK(!money_successor("USD") && !money_successor("XYZ") && !money_successor(""));
}

static int64_t minor_of(double amount, int exponent)
{
    int64_t minor;

    return money_from_double(amount, exponent, &minor) ? minor : -1;
}

TEST(doubles_are_read_as_the_decimal_that_was_meant)
{
    CHECK_INT(minor_of(19.99, 2), ==, 1999);
    CHECK_INT(minor_of(0.07, 2), ==, 7);
    CHECK_INT(minor_of(1.1, 2), ==, 110);
    CHECK_INT(minor_of(0, 2), ==, 0);
    CHECK_INT(minor_of(1e9, 2), ==, 100000000000);
    CHECK_INT(minor_of(1.234, 3), ==, 1234);
    CHECK_INT(minor_of(500, 0), ==, 500);
    CHECK_INT(minor_of(1234567.89, 2), ==, 123456789);
}

TEST(too_many_decimals_and_odd_numbers_are_refused)
{
    CHECK_INT(minor_of(19.999, 2), ==, -1);
    CHECK_INT(minor_of(0.001, 2), ==, -1);
    CHECK_INT(minor_of(0.5, 0), ==, -1);
    CHECK_INT(minor_of(1e-300, 2), ==, -1);
    CHECK_INT(minor_of(-1, 2), ==, -1);
    CHECK_INT(minor_of(1e10, 2), ==, -1);
    CHECK_INT(minor_of(__builtin_nan(""), 2), ==, -1);
    CHECK_INT(minor_of(__builtin_inf(), 2), ==, -1);
}

TEST(every_amount_survives_the_way_there_and_back)
{
    for (int64_t minor = 0; minor < 100000000; minor += 997) {
        CHECK_INT(minor_of(money_to_double(minor, "USD"), 2), ==, minor);
        CHECK_INT(minor_of(money_to_double(minor, "KWD"), 3), ==, minor);
        CHECK_INT(minor_of(money_to_double(minor, "JPY"), 0), ==, minor);
        CHECK_INT(money_nearest(money_to_double(minor, "USD"), "USD"), ==, minor);
    }
}
