/* SPDX-License-Identifier: Apache-2.0 */
/* Common passwords are variations of a few words. So a password is normalized first: lower case,
 * digits and signs that stand for letters replaced by them, and digits and signs around the word
 * removed. The rest is looked up in a list of words. Rows of keys or of the alphabet and
 * repetitions are recognized by rule. */
#include "base/password_rules.h"

#include <ctype.h>
#include <string.h>

enum { REDUCED_MAX = 64, STEP_SHARE = 3, LONG_STEP = 5, BESIDE_MAX = 3 };

static const char *const common_words[] = {
    "aaron",         "abc",
    "access",        "admin",
    "administrator", "adobe",
    "alexander",     "amanda",
    "andrea",        "andrew",
    "angel",         "anthony",
    "apple",         "asdf",
    "asdfgh",        "asdfghjkl",
    "ashley",        "azerty",
    "babygirl",      "bailey",
    "barcelona",     "baseball",
    "basketball",    "batman",
    "benjamin",      "biteme",
    "buster",        "butterfly",
    "changeme",      "charlie",
    "cheese",        "chelsea",
    "chocolate",     "computer",
    "cookie",        "corvette",
    "dallas",        "daniel",
    "default",       "demo",
    "diamond",       "dragon",
    "elizabeth",     "eminem",
    "flower",        "football",
    "freedom",       "friends",
    "fuckyou",       "garfield",
    "george",        "ginger",
    "guest",         "hannah",
    "hello",         "helloworld",
    "hockey",        "hunter",
    "iloveu",        "iloveyou",
    "internet",      "jennifer",
    "jessica",       "jesus",
    "johnson",       "jordan",
    "joseph",        "joshua",
    "justin",        "killer",
    "letmein",       "letmeinnow",
    "liverpool",     "login",
    "london",        "love",
    "lovely",        "loveme",
    "maggie",        "manchester",
    "martin",        "master",
    "matrix",        "matthew",
    "maverick",      "mercedes",
    "merlin",        "michael",
    "michelle",      "michigan",
    "midnight",      "monkey",
    "mustang",       "naruto",
    "nicole",        "nothing",
    "oracle",        "pass",
    "passwd",        "passw",
    "password",      "passwort",
    "patrick",       "pepper",
    "phoenix",       "pokemon",
    "porsche",       "princess",
    "purple",        "qazwsx",
    "qazwsxedc",     "qwer",
    "qwerty",        "qwertyuiop",
    "qwertz",        "ranger",
    "raymond",       "richard",
    "robert",        "root",
    "rosebud",       "samantha",
    "samsung",       "secret",
    "shadow",        "shop",
    "soccer",        "spiderman",
    "starwars",      "steelers",
    "summer",        "sunshine",
    "superman",      "superstar",
    "taylor",        "temp",
    "temporary",     "test",
    "tester",        "testing",
    "thomas",        "thunder",
    "tigger",        "trustno",
    "trustnoone",    "user",
    "victoria",      "welcome",
    "whatever",      "william",
    "winter",        "yankees",
    "zaq",           "zxcvbn",
    "zxcvbnm",       "autumn",
    "spring",        "passwordpassword",
    "motdepasse",    "contrasena",
    "kennwort",      "wachtwoord",
    "parola",        "senha",
    "geheim",        "hallo",
    "schatz",        "abcd",
    "facebook",      "google",
    "gwerty",        "gwertyuiop",
    "india",         "linkedin",
    "minecraft",     "monday",
    "friday",        "nintendo",
    "pakistan",      "sunday",
    "woaini",        "youtube",
};

static const char *const rows[] = {
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "qazwsxedcrfvtgbyhnujm",
    "147258369",
    "789456123",
    "741852963",
    "a1b2c3d4e5f6g7h8",
    "1a2b3c4d5e6f7g8h",
    "1g2w3e4r5t",
    "5201314",
};

/* Counts characters: the bytes that do not continue a UTF-8 sequence. */
static size_t count_characters(struct str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.length; i++) count += ((uint8_t)text.data[i] & 0xc0) != 0x80;
    return count;
}

static char letter_of(char c)
{
    switch (c) {
    case '0': return 'o';
    case '1':
    case '!':
    case '|': return 'i';
    case '3': return 'e';
    case '4':
    case '@': return 'a';
    case '5':
    case '$': return 's';
    case '7': return 't';
    default: return (char)tolower((unsigned char)c);
    }
}

static bool is_common(struct str word)
{
    for (size_t i = 0; i < sizeof(common_words) / sizeof(common_words[0]); i++)
        if (str_is(word, common_words[i])) return true;
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || ((uint8_t)c & 0x80);
}

/* A common word, perhaps spelt with other signs, perhaps with digits and signs around it. */
static bool is_variation(struct str password)
{
    size_t begin = 0, end = password.length;
    char reduced[REDUCED_MAX];

    if (password.length > REDUCED_MAX) return false;
    for (size_t i = 0; i < password.length; i++) reduced[i] = letter_of(password.data[i]);
    for (;;) {
        if (is_common(str_sized(reduced + begin, end - begin))) return true;
        if (end > begin && !is_letter(password.data[end - 1]))
            end--;
        else if (begin < end && !is_letter(password.data[begin]))
            begin++;
        else
            return false;
    }
}

/* The character of a key, whether or not it is shifted. */
static char key_of(char c)
{
    static const char shifted[] = "!@#$%^&*()", digits[] = "1234567890";
    const char *at = c ? strchr(shifted, c) : 0;

    return at ? digits[at - shifted] : (char)tolower((unsigned char)c);
}

/* Is `part` a piece of a row of keys or of the alphabet, forwards or backwards? */
static bool is_in_row(const char *part, size_t length)
{
    char forwards[REDUCED_MAX + 1], backwards[REDUCED_MAX + 1];

    for (size_t i = 0; i < length; i++) {
        forwards[i] = key_of(part[i]);
        backwards[length - 1 - i] = forwards[i];
    }
    forwards[length] = backwards[length] = '\0';
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strstr(rows[i], forwards) || strstr(rows[i], backwards)) return true;
    return false;
}

/* Nothing but pieces of rows, each at least three characters long: "12345678", "abcd1234",
 * "qwerty123". */
static bool is_row(struct str password)
{
    size_t at = 0;

    if (password.length > REDUCED_MAX) return false;
    while (at < password.length) {
        size_t length = password.length - at;
        while (length >= STEP_SHARE && !is_in_row(password.data + at, length)) length--;
        if (length < STEP_SHARE) return false;
        at += length;
    }
    return true;
}

/* A long piece of a row, or one character again and again, with little beside it: "aa123456",
 * "123456789a", "1111111a". */
static bool is_row_with_little_beside(struct str password)
{
    if (password.length > REDUCED_MAX) return false;
    for (size_t at = 0; at <= BESIDE_MAX && at + LONG_STEP <= password.length; at++) {
        const char *part = password.data + at;
        size_t most = password.length - at, length = 1;
        while (length < most && part[length] == part[0]) length++;
        if (length < LONG_STEP)
            for (length = most; length >= LONG_STEP && !is_in_row(part, length);) length--;
        if (length >= LONG_STEP && password.length - length <= BESIDE_MAX) return true;
    }
    return false;
}

/* A piece of a row with every character twice: "11223344". */
static bool is_doubled_row(struct str password)
{
    char once[REDUCED_MAX];

    if (password.length > REDUCED_MAX || password.length % 2 != 0) return false;
    for (size_t i = 0; i < password.length; i += 2) {
        if (password.data[i] != password.data[i + 1]) return false;
        once[i / 2] = password.data[i];
    }
    return is_row(str_sized(once, password.length / 2));
}

/* One short piece repeated: "aaaaaaaa", "abcabcabc", "12121212". */
static bool is_repetition(struct str password)
{
    for (size_t size = 1; size <= 4 && size * 2 <= password.length; size++) {
        size_t i = size;
        while (i < password.length && password.data[i] == password.data[i - size]) i++;
        if (i == password.length) return true;
    }
    return false;
}

/* Is it the address, or the part before its @, with nothing but digits and signs behind it? */
static bool is_of_address(struct str password, struct str email)
{
    struct str local = str_sized(email.data, str_find(email, '@'));
    size_t end = password.length;

    if (email.length == 0) return false;
    if (str_equal_nocase(password, email)) return true;
    for (;;) {
        if (str_equal_nocase(str_sized(password.data, end), local)) return true;
        if (end == 0 || is_letter(password.data[end - 1])) return false;
        end--;
    }
}

const char *password_objection(struct str password, struct str email)
{
    if (count_characters(password) < PASSWORD_CHARACTERS_MIN)
        return "must have at least 8 characters; several words are easy to remember";
    if (is_of_address(password, email))
        return "is made from your address and easily guessed; choose another one";
    if (is_repetition(password) || is_row(password) || is_row_with_little_beside(password) ||
        is_doubled_row(password) || is_variation(password))
        return "is a common password and easily guessed; choose another one, such as several words";
    return 0;
}
