/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of freed blocks, one for each size in steps of 64 bytes, for each thread. All blocks are
 * malloc's, so any of them may be freed or kept by another thread than the one that allocated it.
 */
#include "store/sqlite/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/status.h"

/* Where a build finds uses of freed memory. */
#if defined(ARENA_POISONS)
enum { IS_CHECKED = 1 };
#else
enum { IS_CHECKED = 0 };
#endif

enum { STEP = 64, LISTS = MEMORY_BLOCK_MAX / STEP + 1 };

struct block {
    struct block *next;
};

struct kept {
    struct block *lists[LISTS]; /* blocks of n * STEP bytes or a little more */
    int size;                   /* of all together */
    bool has_hook;              /* drop_kept is called at the thread's end */
};

static _Thread_local struct kept kept;
static pthread_key_t thread_end;

/* Memory that SQLite frees afterwards, in destructors of other keys, makes it be called again. */
static void drop_kept(void *data)
{
    struct kept *own = data;

    for (int i = 0; i < LISTS; i++) {
        while (own->lists[i]) {
            struct block *block = own->lists[i];
            own->lists[i] = block->next;
            free(block);
        }
    }
    own->size = 0;
    own->has_hook = false;
}

static void *allocate(int size)
{
    int list = (size + STEP - 1) / STEP;

    if (size > MEMORY_BLOCK_MAX) return malloc((size_t)size);
    struct block *block = kept.lists[list];
    if (!block) return malloc((size_t)list * STEP);
    kept.lists[list] = block->next;
    kept.size -= list * STEP;
    return block;
}

static void release(void *memory)
{
    size_t list = malloc_usable_size(memory) / STEP;
    struct block *block = memory;

    if (list == 0 || list >= LISTS || kept.size + (int)list * STEP > MEMORY_KEPT_MAX) {
        free(memory);
        return;
    }
    block->next = kept.lists[list];
    kept.lists[list] = block;
    kept.size += (int)list * STEP;
    if (kept.has_hook) return;
    kept.has_hook = pthread_setspecific(thread_end, &kept) == 0;
    invariant(kept.has_hook);
}

static void *reallocate(void *memory, int size)
{
    return realloc(memory, (size_t)size);
}

static int size_of(void *memory)
{
    return (int)malloc_usable_size(memory);
}

static int round_up(int size)
{
    return (size + 7) & ~7;
}

static int start(void *data)
{
    return SQLITE_OK;
}

static void stop(void *data)
{
}

static const sqlite3_mem_methods methods = {
    .xMalloc = allocate,
    .xFree = release,
    .xRealloc = reallocate,
    .xSize = size_of,
    .xRoundup = round_up,
    .xInit = start,
    .xShutdown = stop,
};

void memory_install(void)
{
    if (IS_CHECKED) return;
    invariant(pthread_key_create(&thread_end, drop_kept) == 0);
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}
