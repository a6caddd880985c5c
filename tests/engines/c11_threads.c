/* SPDX-License-Identifier: Apache-2.0 */
/* C11's threads on POSIX's, for ThreadSanitizer, which knows only these: librdkafka uses C11's, so that
 * its locks would order nothing for the sanitizer, and our functions would crash on threads that it has
 * not seen begin. The tests of store/kafka have it preloaded in the build with that sanitizer. glibc's
 * types are the same for both. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start {
    thrd_start_t fn;
    void *data;
};

static int result(int error)
{
    if (error == EBUSY) return thrd_busy;
    if (error == ETIMEDOUT) return thrd_timedout;
    return error ? thrd_error : thrd_success;
}

static void *run(void *data)
{
    struct start start = *(struct start *)data;

    free(data);
    return (void *)(intptr_t)start.fn(start.data);
}

int thrd_create(thrd_t *thread, thrd_start_t fn, void *data)
{
    struct start *start = malloc(sizeof(*start));

    if (!start) return thrd_nomem;
    *start = (struct start){fn, data};
    return result(pthread_create(thread, 0, run, start));
}

int thrd_join(thrd_t thread, int *ret_value)
{
    void *value;
    int error = pthread_join(thread, &value);

    if (!error && ret_value) *ret_value = (int)(intptr_t)value;
    return result(error);
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    if (type & mtx_recursive) pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    return result(pthread_mutex_init((pthread_mutex_t *)mutex, &attributes));
}

void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int mtx_lock(mtx_t *mutex)
{
    return result(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_trylock(mtx_t *mutex)
{
    return result(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

int mtx_unlock(mtx_t *mutex)
{
    return result(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

int cnd_init(cnd_t *condition)
{
    return result(pthread_cond_init((pthread_cond_t *)condition, 0));
}

void cnd_destroy(cnd_t *condition)
{
    pthread_cond_destroy((pthread_cond_t *)condition);
}

int cnd_signal(cnd_t *condition)
{
    return result(pthread_cond_signal((pthread_cond_t *)condition));
}

int cnd_broadcast(cnd_t *condition)
{
    return result(pthread_cond_broadcast((pthread_cond_t *)condition));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until)
{
    return result(
        pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until));
}
