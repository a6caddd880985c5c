/* SPDX-License-Identifier: Apache-2.0 */
/* See csv_text.h. */
#include "app/csv_text.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "reasons.pb-c.h"

const char *csv_encoding_name(enum csv_encoding encoding)
{
    static const char *const names[] = {"UTF-8", "UTF-16", "UTF-16", "Windows-1252"};

    return names[encoding];
}

/* A longer line is no row of a table, even if it has images in it. */
static const int64_t line_size_max = INT64_C(64) << 20;
/* This much of the disk that has the copy is left to others. */
static const int64_t room_min = INT64_C(64) << 20;

static struct status unusable(const char *message)
{
    return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS, message);
}

/* ---- mapping ---- */

static struct status map_text(struct arena *arena, int file, struct str *ret_text)
{
    struct stat info;

    if (fstat(file, &info) != 0) return status_errno(arena, errno, "cannot read the file");
    if (info.st_size == 0) return unusable("the file is empty");
    void *text = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (text == MAP_FAILED) return status_errno(arena, errno, "cannot read the file");
    *ret_text = str_sized(text, (size_t)info.st_size);
    return status_ok();
}

void csv_text_forget(const struct csv_text *text, const char *before)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    for (int i = 0; i < 2; i++) {
        struct str mapping = text->mappings[i];
        if (!mapping.data || before < mapping.data || before > mapping.data + mapping.length)
            continue;
        size_t passed = (size_t)(before - mapping.data) / page * page;
        if (passed > 0) (void)madvise((void *)mapping.data, passed, MADV_DONTNEED);
    }
}

/* A file without a name, which is gone when it is closed and unmapped. */
static struct status open_unnamed(struct arena *arena, int *ret_file)
{
    const char *directory = getenv("TMPDIR");
    char *name = arena_printf(arena, "%s/argosy-XXXXXX",
                              directory && *directory ? directory : "/tmp");
    int file = mkostemp(name, O_CLOEXEC);

    if (file < 0)
        return status_errno(arena, errno,
                            arena_printf(arena, "cannot copy the file to %s; set TMPDIR", name));
    unlink(name);
    *ret_file = file;
    return status_ok();
}

/* Leaves some of the disk to others, such as the shop itself. */
static struct status check_room(struct arena *arena, int file)
{
    struct statvfs disk;

    if (fstatvfs(file, &disk) != 0 || (int64_t)(disk.f_bavail * disk.f_frsize) >= room_min)
        return status_ok();
    return status_errno(
        arena, ENOSPC,
        "cannot copy the file to a temporary one (TMPDIR may name another directory)");
}

static struct status keep(struct arena *arena, int file, const char *data, size_t size)
{
    if (file_write_all(file, str_sized(data, size))) return status_ok();
    return status_errno(
        arena, errno,
        "cannot copy the file to a temporary one (TMPDIR may name another directory)");
}

/* How much of a stream has been copied. */
struct copied {
    int64_t size, line, line_size; /* the present line, from 1, and what there is of it */
};

/* A stream may be endless: a program's output, or a device. */
static struct status check_length(struct arena *arena, struct copied *copied, struct str piece)
{
    copied->size += (int64_t)piece.length;
    for (size_t i = 0; i < piece.length; i++) {
        bool ends = piece.data[i] == '\n' || piece.data[i] == '\r';
        copied->line += piece.data[i] == '\n';
        copied->line_size = ends ? 0 : copied->line_size + 1;
    }
    if (copied->line_size > line_size_max)
        return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS,
                             "line %lld is longer than %lld MiB, so it is no table",
                             (long long)copied->line, (long long)line_size_max >> 20);
    if (copied->size > CSV_TEXT_SIZE_MAX)
        return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS,
                             "the file is larger than %lld GiB, or endless; import it in parts",
                             (long long)CSV_TEXT_SIZE_MAX >> 30);
    return status_ok();
}

/* What a file has or what comes from a pipe, in a file. */
static struct status keep_stream(struct arena *arena, int stream, int kept)
{
    enum { PIECE = 64 * 1024, ROOM_EVERY = 32 * 1024 * 1024 };
    char *piece = arena_alloc(arena, PIECE);
    struct copied copied = {.line = 1};
    struct status st = check_room(arena, kept);
    int64_t looked = 0;

    if (failed(st)) return st;

    for (;;) {
        ssize_t got = read(stream, piece, PIECE);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return status_errno(arena, errno, "cannot read the file");
        if (got == 0) return st;
        st = check_length(arena, &copied, str_sized(piece, (size_t)got));
        if (!failed(st)) st = keep(arena, kept, piece, (size_t)got);
        if (!failed(st) && copied.size - looked > ROOM_EVERY) {
            looked = copied.size;
            st = check_room(arena, kept);
        }
        if (failed(st)) return st;
    }
}

/* ---- converting ---- */

/* Goes past a place of a text that is read from its beginning to its end. */
static void pass(const struct csv_text *text, const char *next, const char **kept)
{
    if (next - *kept < CSV_TEXT_KEPT) return;
    csv_text_forget(text, *kept);
    *kept = next;
}

struct conversion {
    struct arena *arena;
    int file;
    iconv_t iconv;
    size_t unit; /* bytes that a code unit of the source has */
    struct status status;
};

/* Converts what iconv understands, and makes 0xFF of what it does not. */
static void convert(struct conversion *conversion, const struct csv_text *whole, struct str bytes)
{
    enum { PIECE = 64 * 1024 };
    const char *kept = bytes.data;
    char *piece = arena_alloc(conversion->arena, PIECE), *from = (char *)bytes.data;
    size_t left = bytes.length;

    while (left > 0 && !failed(conversion->status)) {
        pass(whole, from, &kept);
        char *to = piece;
        size_t room = PIECE - 1;
        size_t result = iconv(conversion->iconv, &from, &left, &to, &room);
        if (result == (size_t)-1 && errno != E2BIG) {
            size_t passed = left < conversion->unit ? left : conversion->unit;
            *to++ = '\xff';
            from += passed;
            left -= passed;
        }
        conversion->status = keep(conversion->arena, conversion->file, piece, (size_t)(to - piece));
    }
}

static struct status convert_text(struct arena *arena, struct str bytes, struct csv_text *text)
{
    static const char *const names[] = {"UTF-8", "UTF-16LE", "UTF-16BE", "WINDOWS-1252"};
    struct conversion conversion = {.arena = arena,
                                    .unit = text->encoding == CSV_WINDOWS_1252 ? 1 : 2};
    struct str converted;

    conversion.iconv = iconv_open("UTF-8", names[text->encoding]);
    if (conversion.iconv == (iconv_t)-1)
        return unusable(arena_printf(arena,
                                     "the file is %s, which this system cannot convert: save it "
                                     "as UTF-8",
                                     csv_encoding_name(text->encoding)));
    conversion.status = open_unnamed(arena, &conversion.file);
    if (!failed(conversion.status)) {
        convert(&conversion, text, bytes);
        if (!failed(conversion.status))
            conversion.status = map_text(arena, conversion.file, &converted);
        close(conversion.file);
    }
    iconv_close(conversion.iconv);
    if (failed(conversion.status)) return conversion.status;
    text->mappings[1] = converted;
    text->text = converted;
    return status_ok();
}

/* ---- which encoding ---- */

struct survey {
    size_t characters; /* beyond ASCII, well-formed */
    size_t foreign;    /* bytes that are no UTF-8 */
    size_t nuls;
    const char *first_foreign;
};

static bool is_plain_word(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));
    return (word & UINT64_C(0x8080808080808080)) == 0 &&
           ((word - UINT64_C(0x0101010101010101)) & UINT64_C(0x8080808080808080)) == 0;
}

static struct survey survey_of(const struct csv_text *whole, struct str text)
{
    const char *next = text.data, *end = text.data + text.length, *kept = next;
    struct survey survey = {0};

    while (next < end) {
        pass(whole, next, &kept);
        if (end - next >= 8 && is_plain_word(next)) {
            next += 8;
            continue;
        }
        size_t length = (uint8_t)*next < 0x80
                            ? 1
                            : str_utf8_length(str_sized(next, (size_t)(end - next)));
        if (*next == 0) survey.nuls++;
        if (length > 1) survey.characters++;
        if (length == 0) {
            if (survey.foreign++ == 0) survey.first_foreign = next;
            length = 1;
        }
        next += length;
    }
    return survey;
}

static int64_t line_at(const struct csv_text *whole, struct str text, const char *at)
{
    const char *kept = text.data;
    int64_t line = 1;

    for (const char *next = text.data; next < at; next++) {
        if (*next != '\n' && (*next != '\r' || next[1] == '\n')) continue;
        pass(whole, next, &kept);
        line++;
    }
    return line;
}

static bool take_mark(struct str *bytes, struct str mark)
{
    if (!str_starts_with(*bytes, mark)) return false;
    *bytes = str_sized(bytes->data + mark.length, bytes->length - mark.length);
    return true;
}

/* A file whose odd bytes are as many as its characters of UTF-8, or more, is Windows-1252; with
 * fewer of them it is UTF-8 that is damaged here and there. */
static struct status decode(struct arena *arena, struct str bytes, struct csv_text *text)
{
    bool marked = take_mark(&bytes, STR("\xef\xbb\xbf"));
    struct survey survey;

    text->text = bytes;
    if (!marked && take_mark(&bytes, STR("\xff\xfe"))) {
        text->encoding = CSV_UTF16LE;
    } else if (!marked && take_mark(&bytes, STR("\xfe\xff"))) {
        text->encoding = CSV_UTF16BE;
    } else {
        survey = survey_of(text, bytes);
        if (survey.nuls > bytes.length / 4)
            return unusable("the file is full of NUL bytes, like UTF-16 without a byte order mark: "
                            "save it as UTF-8");
        if (survey.foreign > 0) text->foreign_line = line_at(text, bytes, survey.first_foreign);
        text->is_clean = survey.foreign == 0 && survey.nuls == 0;
        if (marked || survey.foreign == 0 || survey.characters >= survey.foreign)
            return status_ok();
        text->encoding = CSV_WINDOWS_1252;
    }
    if (bytes.length == 0) return unusable("the file has a byte order mark and nothing else");
    struct status st = convert_text(arena, bytes, text);
    if (failed(st)) return st;
    survey = survey_of(text, text->text);
    text->is_clean = survey.foreign == 0 && survey.nuls == 0;
    return status_ok();
}

/* ---- opening ---- */

struct status csv_text_read(struct arena *arena, struct str bytes, struct csv_text *ret_text)
{
    struct csv_text text = {.encoding = CSV_UTF8};
    struct status st = bytes.length ? decode(arena, bytes, &text) : unusable("the file is empty");

    if (!failed(st)) *ret_text = text;
    return st;
}

/* Maps a copy, because a page of the file itself would be gone, and reading it a fault, once
 * another program truncated it, and other text once it wrote it anew. */
static struct status open_mapped(struct arena *arena, int file, struct str *ret_bytes)
{
    struct stat info;
    int kept;

    if (fstat(file, &info) != 0) return status_errno(arena, errno, "cannot read the file");
    if (S_ISDIR(info.st_mode)) return unusable("it is a directory; name the files in it");
    struct status st = open_unnamed(arena, &kept);
    if (failed(st)) return st;
    st = keep_stream(arena, file, kept);
    if (!failed(st)) st = map_text(arena, kept, ret_bytes);
    close(kept);
    return st;
}

struct status csv_text_open(struct arena *arena, const char *path, struct csv_text *ret_text)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct str bytes;

    if (file < 0) return status_errno(arena, errno, "cannot read the file");
    struct status st = open_mapped(arena, file, &bytes);
    close(file);
    if (failed(st)) return st;
    struct csv_text text = {.encoding = CSV_UTF8, .mappings = {bytes}};
    st = decode(arena, bytes, &text);
    if (failed(st))
        csv_text_close(&text);
    else
        *ret_text = text;
    return st;
}

void csv_text_close(struct csv_text *text)
{
    for (int i = 0; i < 2; i++)
        if (text->mappings[i].data)
            munmap((void *)text->mappings[i].data, text->mappings[i].length);
    *text = (struct csv_text){0};
}
