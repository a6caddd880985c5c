/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of streams. Each one runs over TCP and over a pipe in memory, which must behave alike. */
#include "fiber/stream.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/test.h"
#include "fiber/fiber.h"

enum { TIMEOUT_MS = 10000, LARGE = 20 * 1024 * 1024, CHUNK = 100000 };

/* One end of a connection, as a fiber sees it. */
struct end {
    struct shard *shard;
    struct stream *stream;
    struct fiber_wait wait;
    size_t received;
    uint64_t sum;
    char text[64];
    bool ended, closed, drained;
    int error;
};

static void on_data(void *owner, const uint8_t *data, size_t size)
{
    struct end *end = owner;

    for (size_t i = 0; i < size; i++) {
        if (end->received + i + 1 < sizeof(end->text)) end->text[end->received + i] = (char)data[i];
        end->sum = end->sum * 31 + data[i];
    }
    end->received += size;
    fiber_wake(end->shard, &end->wait);
}

static void on_end(void *owner)
{
    struct end *end = owner;

    EXPECT(!end->ended && !end->closed);
    end->ended = true;
    fiber_wake(end->shard, &end->wait);
}

static void on_drain(void *owner)
{
    struct end *end = owner;

    EXPECT(stream_queued(end->stream) == 0);
    end->drained = true;
    fiber_wake(end->shard, &end->wait);
}

static void on_close(void *owner, int error)
{
    struct end *end = owner;

    EXPECT(!end->closed);
    end->closed = true;
    end->error = error;
    fiber_wake(end->shard, &end->wait);
}

static const struct stream_events events = {on_data, on_end, on_drain, on_close};

/* A test's fiber with the two ends of a connection. */
struct scene {
    void (*fn)(struct call *call, struct end *a, struct end *b);
    bool over_tcp;
    struct listener *listener;
    struct end a, b;
};

static void begin(struct end *end, struct shard *shard, struct stream *stream)
{
    end->shard = shard;
    end->stream = stream;
    stream_start(stream, &events, end);
}

static void on_accept(void *owner, struct stream *stream)
{
    struct scene *scene = owner;

    begin(&scene->b, stream_shard(stream), stream);
    fiber_wake(stream_shard(stream), &scene->b.wait);
}

static void on_connect(void *data, struct stream *stream, int error)
{
    struct scene *scene = data;

    EXPECT(stream && error == 0);
    if (!stream) return;
    begin(&scene->a, stream_shard(stream), stream);
    fiber_wake(stream_shard(stream), &scene->a.wait);
}

static void connect_over_tcp(struct call *call, struct scene *scene)
{
    stream_connect(call->shard, listener_address(scene->listener), TIMEOUT_MS, on_connect, scene);
    while (!scene->a.stream && !failed(call_check(call)))
        EXPECT(!failed(fiber_suspend(call, &scene->a.wait)));
    while (!scene->b.stream && !failed(call_check(call)))
        EXPECT(!failed(fiber_suspend(call, &scene->b.wait)));
    EXPECT(strcmp(stream_peer(scene->a.stream), "127.0.0.1") == 0);
}

static void connect_pipe(struct call *call, struct scene *scene)
{
    struct stream *ends[2];

    stream_pair(call->shard, ends);
    EXPECT(strcmp(stream_peer(ends[0]), "loopback") == 0);
    begin(&scene->a, call->shard, ends[0]);
    begin(&scene->b, call->shard, ends[1]);
}

static void run_scene(struct call *call, void *data)
{
    struct scene *scene = data;

    call_limit(call, TIMEOUT_MS);
    if (scene->over_tcp)
        connect_over_tcp(call, scene);
    else
        connect_pipe(call, scene);
    EXPECT(strcmp(stream_peer(scene->a.stream), scene->over_tcp ? "127.0.0.1" : "loopback") == 0);
    scene->fn(call, &scene->a, &scene->b);
    EXPECT(!failed(call_check(call)));
    shards_stop(call->shard->shards);
}

static void play(bool over_tcp, void (*fn)(struct call *call, struct end *a, struct end *b))
{
    struct scene scene = {.fn = fn, .over_tcp = over_tcp};
    struct shards *shards = shards_new(1);
    struct arena arena;

    arena_init(&arena, 0);
    if (over_tcp)
        CHECK_OK(listener_new(&arena, shards, "127.0.0.1:0", on_accept, &scene, &scene.listener));
    fiber_post(shards_at(shards, 0), run_scene, 0, &scene);
    shards_run(shards);
    listener_free(scene.listener);
    shards_free(shards);
    arena_release(&arena);
    /* The stop has closed the streams that the test left open. */
    CHECK(scene.a.closed && scene.b.closed);
}

static void both(void (*fn)(struct call *call, struct end *a, struct end *b))
{
    play(false, fn);
    play(true, fn);
}

/* Waits for the next event of an end; false when the time is up. */
static bool next(struct call *call, struct end *end)
{
    return !failed(fiber_suspend(call, &end->wait));
}

static size_t write_text(struct end *end, const char *text)
{
    struct iovec part = {(void *)text, strlen(text)};

    return stream_write(end->stream, &part, 1);
}

static void talk(struct call *call, struct end *a, struct end *b)
{
    char text[] = "hello";
    struct iovec parts[4] = {{text, 2}, {text, 0}, {text + 2, 1}, {text + 3, 2}};

    EXPECT(stream_write(a->stream, parts, 4) == 0);
    EXPECT(stream_write(a->stream, parts, 0) == 0);
    while (b->received < 5 && next(call, b)) continue;
    EXPECT(strcmp(b->text, "hello") == 0);
    EXPECT(write_text(b, "there") == 0);
    while (a->received < 5 && next(call, a)) continue;
    EXPECT(strcmp(a->text, "there") == 0);
    EXPECT(!a->drained && !b->drained);
}

TEST(both_ends_send_and_receive)
{
    both(talk);
}

static void half_close(struct call *call, struct end *a, struct end *b)
{
    write_text(a, "question");
    stream_shutdown(a->stream);
    stream_shutdown(a->stream);
    EXPECT(write_text(a, "too late") == 0);
    while (!b->ended && next(call, b)) continue;
    EXPECT(strcmp(b->text, "question") == 0);
    write_text(b, "answer");
    while (a->received < 6 && next(call, a)) continue;
    EXPECT(strcmp(a->text, "answer") == 0);
    EXPECT(!a->ended && !a->closed && !b->closed);
    stream_close(b->stream);
    while (!b->closed && next(call, b)) continue;
    EXPECT(b->error == 0);
    while (!a->ended && next(call, a)) continue;
}

TEST(one_side_can_end_its_writing_and_still_read)
{
    both(half_close);
}

static void close_twice(struct call *call, struct end *a, struct end *b)
{
    stream_close(a->stream);
    EXPECT(!a->closed);
    stream_close(a->stream);
    stream_pause(a->stream);
    stream_resume(a->stream);
    stream_shutdown(a->stream);
    EXPECT(write_text(a, "nothing") == 0);
    while (!a->closed && next(call, a)) continue;
    EXPECT(a->error == 0);
    while (!b->ended && next(call, b)) continue;
    EXPECT(b->received == 0);
}

TEST(after_close_nothing_happens_but_on_close)
{
    both(close_twice);
}

static void write_to_closed(struct call *call, struct end *a, struct end *b)
{
    stream_close(b->stream);
    while (!a->ended && next(call, a)) continue;
    for (int i = 0; i < 100 && !a->closed; i++) {
        write_text(a, "anybody there?");
        EXPECT(!failed(fiber_sleep(call, 1000)));
    }
    EXPECT(a->closed && (a->error == UV_EPIPE || a->error == UV_ECONNRESET));
}

TEST(writing_to_a_closed_peer_closes_with_an_error_and_no_signal)
{
    both(write_to_closed);
}

static void pause_and_resume(struct call *call, struct end *a, struct end *b)
{
    stream_pause(b->stream);
    stream_pause(b->stream);
    write_text(a, "wait");
    stream_shutdown(a->stream);
    EXPECT(!failed(fiber_sleep(call, 5000)));
    EXPECT(b->received == 0 && !b->ended);
    stream_resume(b->stream);
    stream_resume(b->stream);
    EXPECT(b->received == 0);
    while (!b->ended && next(call, b)) continue;
    EXPECT(b->received == 4);
}

TEST(a_paused_stream_reads_nothing)
{
    both(pause_and_resume);
}

/* Far more than any socket's buffer, written as fast as back pressure allows. */
static void send_large(struct call *call, void *data)
{
    struct end *a = data;
    static uint8_t chunk[CHUNK];
    struct iovec part = {chunk, CHUNK};
    uint64_t noise = 1, sum = 0;

    for (size_t sent = 0; sent < LARGE; sent += CHUNK) {
        for (size_t i = 0; i < CHUNK; i++) {
            noise = noise * 6364136223846793005u + 1442695040888963407u;
            chunk[i] = (uint8_t)(noise >> 56);
            sum = sum * 31 + chunk[i];
        }
        a->drained = false;
        if (stream_write(a->stream, &part, 1) == 0) continue;
        EXPECT(stream_queued(a->stream) > 0);
        while (!a->drained && next(call, a)) continue;
    }
    a->sum = sum;
    stream_shutdown(a->stream);
}

static void transfer_large(struct call *call, struct end *a, struct end *b)
{
    struct fiber_group group = {0};

    EXPECT(!failed(fiber_group_start(call, &group, send_large, a)));
    while (!b->ended && next(call, b)) {
        /* Be a slow reader now and then. */
        if (b->received % 7 != 0) continue;
        stream_pause(b->stream);
        EXPECT(!failed(fiber_sleep(call, 1000)));
        stream_resume(b->stream);
    }
    fiber_group_wait(call, &group);
    EXPECT(b->received >= LARGE && b->sum == a->sum);
}

TEST(large_amounts_arrive_whole_under_back_pressure)
{
    both(transfer_large);
}

static void overfill(struct call *call, struct end *a, struct end *b)
{
    static uint8_t chunk[CHUNK];
    struct iovec part = {chunk, CHUNK};
    size_t highest = 0;

    stream_pause(b->stream);
    for (int i = 0; i < 2000 && !a->closed; i++) {
        size_t queued = stream_write(a->stream, &part, 1);
        if (queued > highest) highest = queued;
        if (i % 100 == 99) EXPECT(!failed(fiber_sleep(call, 100)));
    }
    EXPECT(highest <= 64 * 1024 * 1024);
    while (!a->closed && next(call, a)) continue;
    EXPECT(a->error == UV_ENOBUFS);
}

TEST(a_writer_who_ignores_back_pressure_is_cut_off)
{
    both(overfill);
}

static void close_with_queue(struct call *call, struct end *a, struct end *b)
{
    static uint8_t chunk[CHUNK];
    struct iovec part = {chunk, CHUNK};

    stream_pause(b->stream);
    for (int i = 0; i < 200; i++) stream_write(a->stream, &part, 1);
    EXPECT(stream_queued(a->stream) > 0);
    stream_close(a->stream);
    EXPECT(stream_queued(a->stream) == 0);
    while (!a->closed && next(call, a)) continue;
    EXPECT(a->error == 0 && !a->drained);
}

TEST(closing_drops_the_queue)
{
    both(close_with_queue);
}

static void left_open(struct call *call, struct end *a, struct end *b)
{
    write_text(a, "never read");
}

TEST(a_stop_closes_what_is_open)
{
    both(left_open);
}
