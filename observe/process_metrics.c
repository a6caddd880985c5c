/* SPDX-License-Identifier: Apache-2.0 */
/* The process_* families, from /proc (proc(5)) and getrusage. */
#include "observe/process_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/budget.h"

enum { PROC_FILE_MAX = 16 * 1024 };

static void put_family(struct buffer *out, const char *name, const char *kind, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

/* The beginning of a file in /proc; one read is enough for the files used here. */
static struct str read_file(const char *path, char *buffer, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length;

    if (fd < 0) return (struct str){buffer, 0};
    length = read(fd, buffer, size);
    close(fd);
    return (struct str){buffer, length < 0 ? 0 : (size_t)length};
}

/* The word at `index`, counted from 0 and separated by single spaces, as a number. */
static bool word_u64(struct str text, int index, uint64_t *ret_value)
{
    struct str word = {0};

    for (int i = 0; i <= index; i++)
        if (!str_split(&text, ' ', &word)) return false;
    return str_to_u64(str_trim(word), ret_value);
}

static void put_cpu(struct buffer *out)
{
    struct rusage usage;
    int64_t us;

    if (getrusage(RUSAGE_SELF, &usage) < 0) return;
    us = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
         usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    put_family(out, "process_cpu_seconds_total", "counter", "User and system CPU time spent.");
    buffer_printf(out, "process_cpu_seconds_total %" PRId64 ".%06" PRId64 "\n", us / 1000000,
                  us % 1000000);
}

static void put_memory(struct buffer *out)
{
    char text[256];
    struct str statm = read_file("/proc/self/statm", text, sizeof(text));
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), pages;

    if (word_u64(statm, 0, &pages)) {
        put_family(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size.");
        buffer_printf(out, "process_virtual_memory_bytes %" PRIu64 "\n", pages * page);
    }
    if (word_u64(statm, 1, &pages)) {
        put_family(out, "process_resident_memory_bytes", "gauge", "Resident memory size.");
        buffer_printf(out, "process_resident_memory_bytes %" PRIu64 "\n", pages * page);
    }
}

static void put_files(struct buffer *out)
{
    DIR *directory = opendir("/proc/self/fd");
    struct rlimit limit;
    int count = -1; /* the list contains the descriptor of the directory itself */

    if (directory) {
        for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
        closedir(directory);
        put_family(out, "process_open_fds", "gauge", "Open file descriptors.");
        buffer_printf(out, "process_open_fds %d\n", count);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        put_family(out, "process_max_fds", "gauge", "Limit on open file descriptors.");
        buffer_printf(out, "process_max_fds %" PRIu64 "\n", (uint64_t)limit.rlim_cur);
    }
}

/* The boot time in seconds since 1970: the line `btime` of /proc/stat. */
static bool boot_time(uint64_t *ret_seconds)
{
    static const struct str key = {"btime ", 6};
    char text[PROC_FILE_MAX];
    struct str rest = read_file("/proc/stat", text, sizeof(text)), line;

    while (str_split(&rest, '\n', &line)) {
        if (!str_starts_with(line, key)) continue;
        return str_to_u64((struct str){line.data + key.length, line.length - key.length},
                          ret_seconds);
    }
    return false;
}

/* Field 22 of /proc/self/stat, in clock ticks after the machine's start. The second field, the
 * program's name, may contain anything, so counting starts behind its closing bracket, at field
 * 3. */
static void put_start_time(struct buffer *out)
{
    char text[1024];
    struct str stat = read_file("/proc/self/stat", text, sizeof(text));
    const char *name_end = stat.length > 0 ? memrchr(stat.data, ')', stat.length) : 0;
    uint64_t boot, ticks, ticks_s = (uint64_t)sysconf(_SC_CLK_TCK);
    struct str rest;

    if (!name_end || !boot_time(&boot)) return;
    rest = (struct str){name_end + 1, stat.length - (size_t)(name_end + 1 - stat.data)};
    if (!word_u64(rest, 22 - 3 + 1, &ticks)) return; /* word 0 is the empty one before the space */
    put_family(out, "process_start_time_seconds", "gauge", "Start time since 1970, in seconds.");
    buffer_printf(out, "process_start_time_seconds %" PRIu64 ".%02" PRIu64 "\n",
                  boot + ticks / ticks_s, ticks % ticks_s * 100 / ticks_s);
}

/* The memory that clients make the process hold. */
static void put_budget(struct buffer *out)
{
    struct budget_stats stats;

    budget_stats(&stats);
    put_family(out, "argosy_memory_kept_bytes", "gauge",
               "Memory that clients make the process hold, and caches for them.");
    buffer_printf(out, "argosy_memory_kept_bytes %zu\n", stats.used);
    put_family(out, "argosy_memory_ending_bytes", "gauge",
               "The part of it that belongs to connections that were ended and are not freed yet.");
    buffer_printf(out, "argosy_memory_ending_bytes %zu\n", stats.ending);
    if (stats.max != SIZE_MAX) {
        put_family(out, "argosy_memory_kept_max_bytes", "gauge", "Its limit, MEMORY_MAX.");
        buffer_printf(out, "argosy_memory_kept_max_bytes %zu\n", stats.max);
    }
    put_family(out, "argosy_memory_connections_ended_total", "counter",
               "Connections ended because they held the most memory when there was too little.");
    buffer_printf(out,
                  "argosy_memory_connections_ended_total{limit=\"peer\"} %" PRIu64 "\n"
                  "argosy_memory_connections_ended_total{limit=\"process\"} %" PRIu64 "\n",
                  stats.shed_for_peer, stats.shed_for_process);
    put_family(
        out, "argosy_memory_refused_total", "counter",
        "Requests and bodies refused because their connection held the most memory when there was too "
        "much.");
    buffer_printf(out, "argosy_memory_refused_total %" PRIu64 "\n", stats.refused);
}

void process_metrics_export(struct buffer *out)
{
    put_cpu(out);
    put_memory(out);
    put_files(out);
    put_budget(out);
    put_start_time(out);
}
