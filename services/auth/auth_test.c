/* SPDX-License-Identifier: Apache-2.0 */
/* The rule by which refresh tokens rotate, case by case. */
#include "services/auth/auth.h"

#include "base/test.h"
#include "base/uuid.h"
#include "reasons.pb-c.h"

enum { SECOND_US = 1000000, GRACE_S = 10, ACCESS_TTL_S = 300, REFRESH_TTL_S = 86400 };
#define START_US (INT64_C(1800000000) * SECOND_US)

/* A session that has just begun, with its first token. */
struct scene {
    struct arena arena;
    struct jwt_keys access_keys, refresh_keys;
    struct token_policy policy;
    struct session session;
    int64_t now_us;
    int64_t back_us; /* by how much the wall clock was set back */
    struct str first;
};

static struct moment moment_of(const struct scene *scene)
{
    return (struct moment){scene->now_us - scene->back_us, scene->now_us - START_US};
}

static void set_up(struct scene *scene)
{
    const char *error;

    *scene = (struct scene){.now_us = START_US};
    arena_init(&scene->arena, 0);
    CHECK(jwt_keys_parse(STR("access-secret-of-32-bytes-or-more"), &scene->access_keys, &error));
    CHECK(jwt_keys_parse(STR("refresh-secret-of-32-bytes-or-more"), &scene->refresh_keys, &error));
    scene->policy = (struct token_policy){
        .access_keys = &scene->access_keys,
        .refresh_keys = &scene->refresh_keys,
        .access_ttl_s = ACCESS_TTL_S,
        .refresh_ttl_s = REFRESH_TTL_S,
        .grace_us = (int64_t)GRACE_S * SECOND_US,
        .boot = "boot",
    };
    scene->session = (struct session){
        .email = "Ann@example.com", .role = "customer", .device_id = "phone", .peer = ""};
    session_begin(&scene->arena, &scene->policy, moment_of(scene), &scene->session);
    scene->first = session_refresh_token(&scene->arena, &scene->policy, &scene->session);
}

static struct jwt_claims claims_of(struct scene *scene, struct str token)
{
    struct jwt_claims claims = {0};

    CHECK_OK(jwt_verify(&scene->arena, &scene->refresh_keys, token, "refresh",
                        scene->now_us / SECOND_US, &claims));
    return claims;
}

static enum refresh_outcome present(struct scene *scene, struct str token)
{
    return session_refresh(&scene->arena, &scene->policy, token, claims_of(scene, token).id,
                           moment_of(scene), &scene->session);
}

static struct str newest(struct scene *scene)
{
    return session_refresh_token(&scene->arena, &scene->policy, &scene->session);
}

TEST(a_session_begins_with_its_first_token)
{
    struct scene scene;

    set_up(&scene);
    struct jwt_claims claims = claims_of(&scene, scene.first);
    CHECK(str_is(claims.email, "Ann@example.com") && str_is(claims.role, "customer"));
    CHECK(str_is(claims.device_id, "phone"));
    CHECK_INT(claims.expires_s, ==, START_US / SECOND_US + REFRESH_TTL_S);
    CHECK_INT(scene.session.number, ==, 1);
    CHECK_INT(scene.session.created_us, ==, START_US);
    CHECK_INT(scene.session.expires_s, ==, claims.expires_s);
    CHECK(str_equal(newest(&scene), scene.first));
    arena_release(&scene.arena);
}

TEST(access_and_refresh_tokens_do_not_stand_in_for_one_another)
{
    struct jwt_claims claims;
    struct scene scene;

    set_up(&scene);
    struct str access = session_access_token(&scene.arena, &scene.policy, &scene.session, START_US);
    int64_t now_s = START_US / SECOND_US;
    CHECK_OK(jwt_verify(&scene.arena, &scene.access_keys, access, "access", now_s, &claims));
    CHECK_INT(claims.expires_s, ==, now_s + ACCESS_TTL_S);
    CHECK(failed(jwt_verify(&scene.arena, &scene.refresh_keys, access, "refresh", now_s, &claims)));
    CHECK(failed(
        jwt_verify(&scene.arena, &scene.access_keys, scene.first, "access", now_s, &claims)));
    /* Not even when both are signed with one secret. */
    struct status st = jwt_verify(&scene.arena, &scene.access_keys, access, "refresh", now_s,
                                  &claims);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__TOKEN_WRONG_TYPE);
    arena_release(&scene.arena);
}

TEST(the_newest_token_makes_its_successor)
{
    struct scene scene;

    set_up(&scene);
    scene.now_us += 60 * (int64_t)SECOND_US;
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_ROTATED);
    CHECK_INT(scene.session.number, ==, 2);
    CHECK_INT(scene.session.used_us, ==, scene.now_us);
    CHECK_INT(scene.session.created_us, ==, START_US);
    CHECK_INT(scene.session.expires_s, ==, scene.now_us / SECOND_US + REFRESH_TTL_S);
    CHECK(!str_equal(newest(&scene), scene.first));
    CHECK_INT(present(&scene, newest(&scene)), ==, REFRESH_ROTATED);
    CHECK_INT(scene.session.number, ==, 3);
    arena_release(&scene.arena);
}

TEST(the_predecessor_within_the_grace_answers_with_the_same_successor)
{
    struct scene scene;

    set_up(&scene);
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_ROTATED);
    struct str successor = newest(&scene);
    scene.now_us += (int64_t)GRACE_S * SECOND_US;
    struct session before = scene.session;
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_REPEATED);
    CHECK(memcmp(&before, &scene.session, sizeof(before)) == 0);
    CHECK(str_equal(newest(&scene), successor));
    CHECK_INT(present(&scene, successor), ==, REFRESH_ROTATED);
    arena_release(&scene.arena);
}

TEST(the_predecessor_after_the_grace_is_theft)
{
    struct scene scene;

    set_up(&scene);
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_ROTATED);
    CHECK(!scene.session.ended);
    scene.now_us += (int64_t)GRACE_S * SECOND_US + 1;
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_REUSED);
    CHECK(scene.session.ended);
    arena_release(&scene.arena);
}

TEST(an_older_token_is_theft_even_within_the_grace)
{
    struct scene scene;

    set_up(&scene);
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_ROTATED);
    CHECK_INT(present(&scene, newest(&scene)), ==, REFRESH_ROTATED);
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_REUSED);
    CHECK(scene.session.ended);
    arena_release(&scene.arena);
}

TEST(without_a_grace_there_is_no_second_use)
{
    struct scene scene;

    set_up(&scene);
    scene.policy.grace_us = 0;
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_ROTATED);
    scene.now_us++;
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_REUSED);
    arena_release(&scene.arena);
}

TEST(a_token_of_an_older_family_ends_nothing)
{
    struct scene scene;

    set_up(&scene);
    session_begin(&scene.arena, &scene.policy, moment_of(&scene), &scene.session);
    struct session before = scene.session;
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_FOREIGN);
    CHECK(memcmp(&before, &scene.session, sizeof(before)) == 0);
    arena_release(&scene.arena);
}

TEST(the_newest_number_with_another_hash_is_foreign)
{
    struct scene scene;

    set_up(&scene);
    scene.session.hash[7] ^= 1;
    struct session before = scene.session;
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_FOREIGN);
    CHECK(memcmp(&before, &scene.session, sizeof(before)) == 0);
    arena_release(&scene.arena);
}

TEST(ids_of_other_shapes_are_foreign)
{
    struct scene scene;

    set_up(&scene);
    const char *family = scene.session.family;
    const char *ids[] = {
        "",
        ".",
        ".1",
        "1",
        family,
        arena_printf(&scene.arena, "%s.", family),
        arena_printf(&scene.arena, "%s.x", family),
        arena_printf(&scene.arena, "%s.1.1", family),
        arena_printf(&scene.arena, "%s.99999999999999999999", family),
        arena_printf(&scene.arena, "%s.1", uuid_new(&scene.arena)),
    };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        enum refresh_outcome outcome = session_refresh(&scene.arena, &scene.policy, scene.first,
                                                       str_of(ids[i]), moment_of(&scene),
                                                       &scene.session);
        CHECK_INT(outcome, ==, REFRESH_FOREIGN);
        CHECK(!scene.session.ended);
    }
    arena_release(&scene.arena);
}

TEST(a_new_signing_key_logs_nobody_out)
{
    struct scene scene;
    const char *error;

    set_up(&scene);
    CHECK(jwt_keys_parse(STR("a:first-secret-of-32-bytes-or-more!!"), &scene.refresh_keys, &error));
    session_begin(&scene.arena, &scene.policy, moment_of(&scene), &scene.session);
    struct str old = newest(&scene);
    CHECK(jwt_keys_parse(
        STR("b:second-secret-of-32-bytes-or-more!,a:first-secret-of-32-bytes-or-more!!"),
        &scene.refresh_keys, &error));
    CHECK_INT(present(&scene, old), ==, REFRESH_ROTATED);
    CHECK_INT(present(&scene, newest(&scene)), ==, REFRESH_ROTATED);
    arena_release(&scene.arena);
}

TEST(a_successor_issued_again_with_a_new_signing_key_is_as_good)
{
    struct scene scene;
    const char *error;

    set_up(&scene);
    CHECK(jwt_keys_parse(STR("a:first-secret-of-32-bytes-or-more!!"), &scene.refresh_keys, &error));
    scene.first = newest(&scene);
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_ROTATED);
    struct str before = newest(&scene);
    CHECK(jwt_keys_parse(
        STR("b:second-secret-of-32-bytes-or-more!,a:first-secret-of-32-bytes-or-more!!"),
        &scene.refresh_keys, &error));
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_REPEATED);
    struct str again = newest(&scene);
    CHECK(!str_equal(before, again));
    CHECK_INT(present(&scene, again), ==, REFRESH_ROTATED);
    CHECK_INT(present(&scene, before), ==, REFRESH_REPEATED);
    arena_release(&scene.arena);
}

TEST(a_clock_set_back_makes_no_used_token_good_again)
{
    struct scene scene;

    set_up(&scene);
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_ROTATED);
    scene.now_us += 3600 * (int64_t)SECOND_US;
    scene.back_us = 3600 * (int64_t)SECOND_US;
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_REUSED);
    CHECK(scene.session.ended);
    arena_release(&scene.arena);
}

TEST(no_grace_outlasts_a_restart_of_the_machine)
{
    struct scene scene;

    set_up(&scene);
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_ROTATED);
    scene.policy.boot = "another boot";
    CHECK_INT(present(&scene, scene.first), ==, REFRESH_REUSED);
    arena_release(&scene.arena);
}

TEST(access_tokens_name_their_session_and_its_generation)
{
    struct jwt_claims claims;
    struct scene scene;

    set_up(&scene);
    scene.session.generation = 3;
    struct str access = session_access_token(&scene.arena, &scene.policy, &scene.session, START_US);
    CHECK_OK(jwt_verify(&scene.arena, &scene.access_keys, access, "access", START_US / SECOND_US,
                        &claims));
    CHECK(str_is(claims.session, scene.session.family));
    CHECK_INT(claims.generation, ==, 3);
    arena_release(&scene.arena);
}
