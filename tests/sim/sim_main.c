/* SPDX-License-Identifier: Apache-2.0 */
/* simulator [--seeds N] [--from SEED] [--long] [--jobs N]     many runs, side by side
 * simulator --seed SEED [--long] [--trace]                    one run, in this process
 *
 * With many runs, each has a process of its own, so that an abort is reported like any other
 * failure. Every REPEAT_EVERY-th run is done twice, and both must be the same. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/status.h"
#include "tests/sim/sim.h"

enum { JOBS_MAX = 64, REPEAT_EVERY = 10 };

struct arguments {
    uint64_t seeds, from, seed;
    bool one, long_runs, trace;
    int jobs;
};

/* A run in a process of its own. */
struct job {
    pid_t process; /* 0: none */
    uint64_t seed;
    int result;   /* a pipe: the outcome */
    FILE *errors; /* what it said */
};

static struct arguments arguments = {.seeds = 20, .from = 1};
static struct job jobs[JOBS_MAX];

static uint64_t done, failed_count, orders, lives;

/* ---- one run ---- */

static void run(uint64_t seed, struct sim_outcome *ret_outcome)
{
    struct sim_options options = {.trace = arguments.trace, .is_long = arguments.long_runs};

    sim_run(seed, &options, ret_outcome);
}

static int run_here(void)
{
    struct sim_outcome outcome;

    run(arguments.seed, &outcome);
    printf("seed %" PRIu64 ": %d lives, %d orders, %" PRIu64 " notes, hash %016" PRIx64 ", %s\n",
           arguments.seed, outcome.lives, outcome.orders, outcome.notes, outcome.hash,
           outcome.failures ? "FAILED" : "ok");
    return outcome.failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The run once more, in another process: is it the same? */
static void repeat(uint64_t seed, struct sim_outcome *outcome)
{
    struct sim_outcome again = {0};
    int ends[2];
    pid_t process;

    invariant(pipe(ends) == 0);
    process = fork();
    invariant(process >= 0);
    if (process == 0) {
        run(seed, &again);
        invariant(write(ends[1], &again, sizeof(again)) == sizeof(again));
        _exit(EXIT_SUCCESS);
    }
    close(ends[1]);
    run(seed, outcome);
    bool told = read(ends[0], &again, sizeof(again)) == sizeof(again);
    close(ends[0]);
    waitpid(process, NULL, 0);
    if (told && again.hash == outcome->hash) return;
    fprintf(stderr, "seed %" PRIu64 ": two runs differ: %016" PRIx64 ", %016" PRIx64 "\n", seed,
            outcome->hash, again.hash);
    outcome->failures++;
}

/* ---- many ---- */

static void start(struct job *job, uint64_t seed)
{
    struct sim_outcome outcome;
    int ends[2];

    job->seed = seed;
    job->errors = tmpfile();
    invariant(job->errors && pipe(ends) == 0);
    fflush(stdout);
    job->process = fork();
    invariant(job->process >= 0);
    if (job->process > 0) {
        close(ends[1]);
        job->result = ends[0];
        return;
    }
    close(ends[0]);
    dup2(fileno(job->errors), STDERR_FILENO);
    if (seed % REPEAT_EVERY == 0)
        repeat(seed, &outcome);
    else
        run(seed, &outcome);
    invariant(write(ends[1], &outcome, sizeof(outcome)) == sizeof(outcome));
    fflush(stderr);
    _exit(outcome.failures ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void tell_failure(struct job *job, int status)
{
    char line[1024];

    if (isatty(STDOUT_FILENO)) printf("\r\033[K");
    printf("FAILED seed %" PRIu64 "%s\n", job->seed,
           WIFSIGNALED(status) ? ", ended by a signal" : "");
    rewind(job->errors);
    for (int i = 0; i < 12 && fgets(line, sizeof(line), job->errors); i++) printf("    %s", line);
    printf("  again: tests/sim/run --seed %" PRIu64 "%s\n", job->seed,
           arguments.long_runs ? " --long" : "");
}

static void finish(struct job *job, int status)
{
    struct sim_outcome outcome;
    bool told = read(job->result, &outcome, sizeof(outcome)) == sizeof(outcome);

    if (told) {
        orders += (uint64_t)outcome.orders;
        lives += (uint64_t)outcome.lives;
    }
    done++;
    if (!told || status != 0) {
        failed_count++;
        tell_failure(job, status);
    }
    close(job->result);
    fclose(job->errors);
    job->process = 0;
    if (isatty(STDOUT_FILENO))
        printf("\r\033[K%" PRIu64 " of %" PRIu64 " runs, %" PRIu64 " failed", done, arguments.seeds,
               failed_count);
    fflush(stdout);
}

static struct job *job_of(pid_t process)
{
    for (int i = 0; i < JOBS_MAX; i++)
        if (jobs[i].process == process) return &jobs[i];
    return NULL;
}

static int run_many(void)
{
    uint64_t next = arguments.from, end = arguments.from + arguments.seeds;
    int running = 0;

    while (next < end || running > 0) {
        if (next < end && running < arguments.jobs) {
            start(job_of(0), next++);
            running++;
            continue;
        }
        int status;
        pid_t ended = wait(&status);
        struct job *job = ended > 0 ? job_of(ended) : NULL;
        if (!job) continue;
        finish(job, status);
        running--;
    }
    if (isatty(STDOUT_FILENO)) printf("\r\033[K");
    printf("%" PRIu64 " runs from seed %" PRIu64 ": %" PRIu64 " lives, %" PRIu64 " orders, %" PRIu64
           " failed\n",
           arguments.seeds, arguments.from, lives, orders, failed_count);
    return failed_count ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- the command line ---- */

static int processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
    return CPU_COUNT(&set) < JOBS_MAX ? CPU_COUNT(&set) : JOBS_MAX;
}

static bool read_number(const char *text, uint64_t *ret_number)
{
    char *end;

    if (!text || !*text) return false;
    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return errno == 0 && !*end;
}

static bool read_arguments(int argc, char **argv)
{
    uint64_t jobs_wanted = (uint64_t)processors();

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        uint64_t *number = NULL;
        if (strcmp(argv[i], "--long") == 0) {
            arguments.long_runs = true;
        } else if (strcmp(argv[i], "--trace") == 0) {
            arguments.trace = true;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            number = &arguments.seeds;
        } else if (strcmp(argv[i], "--from") == 0) {
            number = &arguments.from;
        } else if (strcmp(argv[i], "--jobs") == 0) {
            number = &jobs_wanted;
        } else if (strcmp(argv[i], "--seed") == 0) {
            number = &arguments.seed;
            arguments.one = true;
        } else {
            return false;
        }
        if (number && !read_number(value, number)) return false;
        i += number != NULL;
    }
    arguments.jobs = jobs_wanted < 1 ? 1 : jobs_wanted < JOBS_MAX ? (int)jobs_wanted : JOBS_MAX;
    return true;
}

int main(int argc, char **argv)
{
    if (!read_arguments(argc, argv)) {
        fprintf(stderr, "usage: simulator [--seeds N] [--from SEED] [--long] [--jobs N]\n"
                        "       simulator --seed SEED [--long] [--trace]\n");
        return 2;
    }
    return arguments.one ? run_here() : run_many();
}
