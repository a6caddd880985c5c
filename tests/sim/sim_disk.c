/* SPDX-License-Identifier: Apache-2.0 */
/* The disk in memory: for each file its synced bytes and the changes since, from which a crash
 * keeps a random subset. */
#include "tests/sim/sim_disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

enum { NAMES_MAX = 64 };

/* Something that was done to a file since its last sync. */
struct change {
    struct change *next;
    bool truncates;  /* to `offset` */
    uint64_t offset; /* of a write */
    size_t size;
    uint8_t data[];
};

struct bytes {
    uint8_t *data;
    uint64_t length, capacity;
};

struct sim_file {
    struct sim_disk *disk;
    struct bytes written, synced;
    struct change *changes, *changes_last; /* from synced to written */
    int references;                        /* handles and names */
    _Alignas(16) uint8_t state[SIM_FILE_STATE_SIZE];
};

struct name {
    char *path;
    struct sim_file *file, *durable; /* now, and after a crash; either may be NULL */
};

struct sim_disk {
    const char *name;
    uint64_t random;
    struct name names[NAMES_MAX];
    size_t name_count;
    bool frozen;
    uint64_t changes;
    uint64_t crash_at; /* of `changes`; 0: never */
    void (*on_crash)(void *data);
    void *crash_data;
    uint64_t fail_from, fail_until;
    enum sim_disk_result fail_result;
};

/* SplitMix64. */
static uint64_t draw(struct sim_disk *disk)
{
    uint64_t z = disk->random += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* ---- bytes ---- */

static void reserve(struct bytes *bytes, uint64_t length)
{
    if (length <= bytes->capacity) return;
    bytes->capacity = length + length / 2 + 4096;
    bytes->data = realloc(bytes->data, bytes->capacity);
    invariant(bytes->data);
}

static void set_length(struct bytes *bytes, uint64_t length)
{
    reserve(bytes, length);
    if (length > bytes->length) memset(bytes->data + bytes->length, 0, length - bytes->length);
    bytes->length = length;
}

static void put(struct bytes *bytes, const void *data, size_t size, uint64_t offset)
{
    if (offset + size > bytes->length) set_length(bytes, offset + size);
    memcpy(bytes->data + offset, data, size);
}

static void copy(struct bytes *to, const struct bytes *from)
{
    to->length = 0;
    set_length(to, from->length);
    if (from->length > 0) memcpy(to->data, from->data, from->length);
}

/* ---- files ---- */

static struct sim_file *file_new(struct sim_disk *disk)
{
    struct sim_file *file = aligned_alloc(_Alignof(struct sim_file), sizeof(*file));

    invariant(file);
    memset(file, 0, sizeof(*file));
    file->disk = disk;
    return file;
}

static void forget_changes(struct sim_file *file)
{
    struct change *next;

    for (struct change *change = file->changes; change; change = next) {
        next = change->next;
        free(change);
    }
    file->changes = file->changes_last = NULL;
}

static struct sim_file *hold(struct sim_file *file)
{
    if (file) file->references++;
    return file;
}

static void let_go(struct sim_file *file)
{
    if (!file || --file->references > 0) return;
    forget_changes(file);
    free(file->written.data);
    free(file->synced.data);
    free(file);
}

void sim_file_close(struct sim_file *file)
{
    let_go(file);
}

struct sim_disk *sim_file_disk(const struct sim_file *file)
{
    return file->disk;
}

uint64_t sim_file_length(const struct sim_file *file)
{
    return file->written.length;
}

void *sim_file_state(struct sim_file *file)
{
    return file->state;
}

static void append(struct sim_file *file, const void *data, size_t size, uint64_t offset,
                   bool truncates)
{
    struct change *change = malloc(sizeof(*change) + size);

    invariant(change);
    *change = (struct change){.truncates = truncates, .offset = offset, .size = size};
    if (size > 0) memcpy(change->data, data, size);
    if (file->changes_last)
        file->changes_last->next = change;
    else
        file->changes = change;
    file->changes_last = change;
}

static bool has_new_name(const struct sim_file *file)
{
    const struct sim_disk *disk = file->disk;

    for (size_t i = 0; i < disk->name_count; i++)
        if (disk->names[i].file == file && disk->names[i].durable != file) return true;
    return false;
}

static void sync_names(struct sim_disk *disk)
{
    for (size_t i = 0; i < disk->name_count; i++) {
        struct name *name = &disk->names[i];
        if (name->durable == name->file) continue;
        let_go(name->durable);
        name->durable = hold(name->file);
    }
}

static void make_durable(struct sim_file *file)
{
    for (const struct change *change = file->changes; change; change = change->next) {
        if (change->truncates)
            set_length(&file->synced, change->offset);
        else
            put(&file->synced, change->data, change->size, change->offset);
    }
    forget_changes(file);
    if (has_new_name(file)) sync_names(file->disk);
}

/* Makes each piece of the changes durable by itself with `odds` in 256, and forgets the others. */
static void sync_pieces(struct sim_file *file, uint64_t odds)
{
    for (const struct change *change = file->changes; change; change = change->next) {
        if (change->truncates) {
            if (draw(file->disk) % 256 < odds) set_length(&file->synced, change->offset);
            continue;
        }
        for (size_t done = 0; done < change->size;) {
            uint64_t offset = change->offset + done;
            size_t size = SIM_DISK_PIECE - offset % SIM_DISK_PIECE;
            if (size > change->size - done) size = change->size - done;
            if (draw(file->disk) % 256 < odds)
                put(&file->synced, change->data + done, size, offset);
            done += size;
        }
    }
    forget_changes(file);
}

/* What a crash leaves of a file. */
static void survive(struct sim_file *file, uint64_t odds)
{
    sync_pieces(file, odds);
    copy(&file->written, &file->synced);
    memset(file->state, 0, sizeof(file->state));
}

/* ---- faults ---- */

/* The fate of the next change. *ret_effect false: it has none. */
static enum sim_disk_result begin_change(struct sim_disk *disk, bool *ret_effect)
{
    *ret_effect = false;
    if (disk->frozen) return SIM_DISK_GONE;
    disk->changes++;
    if (disk->changes == disk->crash_at) {
        *ret_effect = draw(disk) & 1;
        return SIM_DISK_GONE;
    }
    if (disk->changes >= disk->fail_from && disk->changes < disk->fail_until)
        return disk->fail_result;
    *ret_effect = true;
    return SIM_DISK_OK;
}

/* After the change took effect, or did not. */
static enum sim_disk_result end_change(struct sim_disk *disk, enum sim_disk_result result)
{
    if (result != SIM_DISK_GONE || disk->frozen) return result;
    disk->frozen = true;
    if (disk->on_crash) disk->on_crash(disk->crash_data);
    return result;
}

void sim_disk_crash_after(struct sim_disk *disk, uint64_t changes, void (*on_crash)(void *data),
                          void *data)
{
    disk->crash_at = changes > 0 ? disk->changes + changes : 0;
    disk->on_crash = on_crash;
    disk->crash_data = data;
}

void sim_disk_freeze(struct sim_disk *disk)
{
    disk->frozen = true;
}

bool sim_disk_is_frozen(const struct sim_disk *disk)
{
    return disk->frozen;
}

void sim_disk_fail_after(struct sim_disk *disk, uint64_t changes, uint64_t count,
                         enum sim_disk_result result)
{
    disk->fail_from = disk->changes + changes;
    disk->fail_until = disk->fail_from + count;
    disk->fail_result = result;
}

uint64_t sim_disk_changes(const struct sim_disk *disk)
{
    return disk->changes;
}

/* A third of the crashes are those of a process, which loses nothing that was written; a third lose
 * all that was not synced. */
void sim_disk_recover(struct sim_disk *disk)
{
    static const uint64_t kinds[] = {0, 256, 128, 32, 224, 0};
    uint64_t odds = kinds[draw(disk) % (sizeof(kinds) / sizeof(kinds[0]))];
    size_t kept = 0;

    for (size_t i = 0; i < disk->name_count; i++) {
        struct name *name = &disk->names[i];
        bool survives = draw(disk) % 256 < odds;
        struct sim_file *file = survives ? name->file : name->durable;
        struct sim_file *gone = survives ? name->durable : name->file;
        if (gone != file) {
            let_go(gone);
            hold(file);
        }
        name->file = name->durable = file;
        if (!file) {
            free(name->path);
            continue;
        }
        invariant(file->references == 2);
        survive(file, odds);
        disk->names[kept++] = *name;
    }
    disk->name_count = kept;
    disk->frozen = false;
    disk->crash_at = 0;
    disk->fail_from = disk->fail_until = 0;
}

/* ---- names ---- */

static struct name *find(const struct sim_disk *disk, const char *path)
{
    for (size_t i = 0; i < disk->name_count; i++)
        if (strcmp(disk->names[i].path, path) == 0) return (struct name *)&disk->names[i];
    return NULL;
}

static struct name *find_or_add(struct sim_disk *disk, const char *path)
{
    struct name *name = find(disk, path);

    if (name) return name;
    invariant(disk->name_count < NAMES_MAX);
    name = &disk->names[disk->name_count++];
    *name = (struct name){.path = strdup(path)};
    invariant(name->path);
    return name;
}

struct sim_file *sim_disk_open(struct sim_disk *disk, const char *path, bool create)
{
    struct name *name = path ? find(disk, path) : NULL;
    bool effect;

    if (disk->frozen) return NULL;
    if (name && name->file) return hold(name->file);
    if (!create) return NULL;
    if (!path) return hold(file_new(disk));
    enum sim_disk_result result = begin_change(disk, &effect);
    if (effect) {
        name = find_or_add(disk, path);
        name->file = hold(file_new(disk));
    }
    if (end_change(disk, result) != SIM_DISK_OK) return NULL;
    return hold(name->file);
}

bool sim_disk_has(const struct sim_disk *disk, const char *path)
{
    const struct name *name = find(disk, path);

    return name && name->file;
}

uint64_t sim_disk_length(const struct sim_disk *disk, const char *path)
{
    const struct name *name = find(disk, path);

    return name && name->file ? name->file->written.length : 0;
}

enum sim_disk_result sim_disk_delete(struct sim_disk *disk, const char *path, bool durable)
{
    struct name *name = find(disk, path);
    bool effect;

    if (!name || !name->file) return disk->frozen ? SIM_DISK_GONE : SIM_DISK_OK;
    enum sim_disk_result result = begin_change(disk, &effect);
    if (effect) {
        let_go(name->file);
        name->file = NULL;
        if (durable) sync_names(disk);
    }
    return end_change(disk, result);
}

/* ---- reading and writing ---- */

enum sim_disk_result sim_file_read(const struct sim_file *file, void *ret_data, size_t size,
                                   uint64_t offset, size_t *ret_read)
{
    const struct bytes *bytes = &file->written;
    size_t there = 0;

    if (file->disk->frozen) return SIM_DISK_GONE;
    if (offset < bytes->length)
        there = bytes->length - offset < size ? (size_t)(bytes->length - offset) : size;
    if (there > 0) memcpy(ret_data, bytes->data + offset, there);
    memset((uint8_t *)ret_data + there, 0, size - there);
    *ret_read = there;
    return SIM_DISK_OK;
}

enum sim_disk_result sim_file_write(struct sim_file *file, const void *data, size_t size,
                                    uint64_t offset)
{
    bool effect;
    enum sim_disk_result result = begin_change(file->disk, &effect);

    if (result == SIM_DISK_FULL) {
        effect = size > 1;
        size /= 2;
    }
    if (effect) {
        put(&file->written, data, size, offset);
        append(file, data, size, offset, false);
    }
    return end_change(file->disk, result);
}

enum sim_disk_result sim_file_truncate(struct sim_file *file, uint64_t length)
{
    bool effect;
    enum sim_disk_result result = begin_change(file->disk, &effect);

    if (effect) {
        set_length(&file->written, length);
        append(file, NULL, 0, length, true);
    }
    return end_change(file->disk, result);
}

enum sim_disk_result sim_file_sync(struct sim_file *file)
{
    bool effect;
    enum sim_disk_result result = begin_change(file->disk, &effect);

    if (effect) make_durable(file);
    if (result == SIM_DISK_BROKEN) sync_pieces(file, draw(file->disk) % 256);
    return end_change(file->disk, result);
}

/* ---- the disk itself ---- */

struct sim_disk *sim_disk_new(const char *name, uint64_t seed)
{
    struct sim_disk *disk = calloc(1, sizeof(*disk));

    invariant(disk);
    disk->name = name;
    disk->random = seed;
    return disk;
}

const char *sim_disk_name(const struct sim_disk *disk)
{
    return disk->name;
}

void sim_disk_free(struct sim_disk *disk)
{
    if (!disk) return;
    for (size_t i = 0; i < disk->name_count; i++) {
        let_go(disk->names[i].file);
        let_go(disk->names[i].durable);
        free(disk->names[i].path);
    }
    free(disk);
}
