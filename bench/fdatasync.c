/* SPDX-License-Identifier: Apache-2.0 */
/* fdatasync FILE SECONDS: how often per second this disk can durably write 4 KiB. This bounds every
 * durable store that writes once per change: a program that commits each change separately cannot
 * be faster.
 *
 * Overwrites a file of 1 MiB in place, as a write-ahead log does once it has grown. Prints the
 * rate, and the 50th and 99th percentile of one write in milliseconds. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 256, SAMPLES_MAX = 1000000, NS_PER_S = 1000000000 };

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (int64_t)NS_PER_S + now.tv_nsec;
}

static int by_size(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

static int write_durably(int fd, int block)
{
    static char data[BLOCK];

    memset(data, block, sizeof(data));
    if (pwrite(fd, data, BLOCK, (off_t)(block % BLOCKS) * BLOCK) != BLOCK) return -1;
    return fdatasync(fd);
}

int main(int argc, char **argv)
{
    static int64_t samples[SAMPLES_MAX];
    double seconds = argc == 3 ? strtod(argv[2], 0) : 0;
    int fd = seconds > 0 ? open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    int count = 0;

    if (seconds <= 0) return fputs("usage: fdatasync FILE SECONDS\n", stderr), 2;
    if (fd < 0) return perror(argv[1]), 1;
    for (int block = 0; block < BLOCKS; block++)
        if (write_durably(fd, block)) return perror(argv[1]), 1;

    int64_t start = now_ns(), end = start + (int64_t)(seconds * NS_PER_S), before = start;
    while (before < end && count < SAMPLES_MAX) {
        if (write_durably(fd, count)) return perror(argv[1]), 1;
        int64_t after = now_ns();
        samples[count++] = after - before;
        before = after;
    }
    close(fd);
    unlink(argv[1]);

    qsort(samples, (size_t)count, sizeof(samples[0]), by_size);
    printf("%.0f %.3f %.3f\n", count / ((double)(before - start) / NS_PER_S),
           (double)samples[count / 2] / 1e6, (double)samples[count * 99L / 100] / 1e6);
    return 0;
}
