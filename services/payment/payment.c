/* SPDX-License-Identifier: Apache-2.0 */
#include "services/payment/payment.h"

#include <string.h>

#include "base/str.h"
#include "reasons.pb-c.h"

/* How long an operation that was refused waits before it is tried anew, because its order still
 * wants it; somebody may have to look at it meanwhile. */
#define REFUSED_DELAY_US (600 * INT64_C(1000000))

/* A step that is being taken. */
struct taking {
    struct arena *arena;
    struct payment *payment;
    const struct payment_input *input;
    struct payment_effects *effects;
    bool refused; /* by the provider, just now */
};

static struct status take(struct taking *taking, enum payment_step step);

/* ---- what a step does ---- */

static struct payment_posting *new_posting(struct taking *taking)
{
    struct payment_effects *effects = taking->effects;

    invariant(effects->posting_count < PAYMENT_POSTINGS_MAX);
    return &effects->postings[effects->posting_count++];
}

static void tell(struct taking *taking, enum payment_news news)
{
    struct payment_effects *effects = taking->effects;

    invariant(effects->news_count < PAYMENT_NEWS_MAX);
    effects->news[effects->news_count++] = news;
}

/* Money that is none moves without a provider: then the answer comes at once. */
static struct status begin(struct taking *taking, enum payment_operation_kind kind,
                           int64_t amount_minor, enum payment_step answer)
{
    struct payment_effects *effects = taking->effects;

    if (taking->payment->amount_minor == 0) return take(taking, answer);
    invariant(effects->operation.kind == PAYMENT_NO_OPERATION);
    effects->operation.kind = kind;
    effects->operation.amount_minor = amount_minor;
    if (taking->refused) effects->operation.delay_us = REFUSED_DELAY_US;
    return status_ok();
}

/* Whoever tries out cards does it with one order after another. */
static struct status check_tries(const struct taking *taking)
{
    int most = taking->input->failures_max;

    if (most == 0 || taking->payment->failures < most) return status_ok();
    return status_printf(taking->arena, STATUS_FAILED_PRECONDITION,
                         ARGOSY__REASON__PAYMENT_TRIES_MAX,
                         "%d tries to pay this order have failed, and no other is made: the order "
                         "waits until its time to pay has passed; cancel it and order anew, or ask "
                         "the shop",
                         taking->payment->failures);
}

static void count_failure(struct taking *taking)
{
    taking->payment->failures++;
    taking->payment->failed_us = taking->input->now_us;
}

static struct status begin_authorize(struct taking *taking)
{
    struct status st = check_tries(taking);

    if (failed(st)) return st;
    taking->payment->reference = ""; /* of the try before */
    return begin(taking, PAYMENT_AUTHORIZE, taking->payment->amount_minor, PAYMENT_GOT_AUTHORIZED);
}

static struct status begin_confirm(struct taking *taking)
{
    return begin(taking, PAYMENT_CONFIRM, taking->payment->amount_minor, PAYMENT_GOT_AUTHORIZED);
}

static struct status above(struct taking *taking, int reason, int64_t left_minor, const char *what)
{
    if (left_minor == 0)
        return status_printf(taking->arena, STATUS_FAILED_PRECONDITION, reason,
                             "nothing is left that can be %s", what);
    return status_printf(taking->arena, STATUS_FAILED_PRECONDITION, reason,
                         "%lld is more than the %lld that can be %s; ask for less",
                         (long long)taking->input->amount_minor, (long long)left_minor, what);
}

static struct status begin_capture(struct taking *taking)
{
    int64_t authorized_minor = taking->payment->authorized_minor;
    int64_t amount_minor = taking->input->amount_minor;

    if (amount_minor == 0) amount_minor = authorized_minor;
    if (amount_minor > authorized_minor)
        return above(taking, ARGOSY__REASON__PAYMENT_ABOVE_AUTHORIZED, authorized_minor,
                     "captured");
    return begin(taking, PAYMENT_CAPTURE, amount_minor, PAYMENT_GOT_CAPTURED);
}

static struct status begin_capture_of_all(struct taking *taking)
{
    return begin(taking, PAYMENT_CAPTURE, taking->payment->authorized_minor, PAYMENT_GOT_CAPTURED);
}

static struct status begin_void(struct taking *taking)
{
    return begin(taking, PAYMENT_VOID, taking->payment->authorized_minor, PAYMENT_GOT_VOIDED);
}

static struct status begin_close(struct taking *taking)
{
    taking->payment->wishes |= PAYMENT_WISH_CLOSE;
    return begin_void(taking);
}

/* What the customer was asked to confirm is given up for another method, if another may be tried.
 */
static struct status give_up(struct taking *taking)
{
    count_failure(taking);
    struct status st = check_tries(taking);
    return failed(st) ? st : begin_close(taking);
}

/* Somebody of the shop lets the authorization go. */
static struct status begin_asked_void(struct taking *taking)
{
    taking->payment->wishes |= PAYMENT_WISH_UNDO;
    taking->payment->reason = ARGOSY__REASON__ORDER_CANCELLED;
    taking->payment->message = "the shop has let the authorization go";
    return begin_void(taking);
}

static int64_t refundable(const struct payment *payment)
{
    return payment->captured_minor - payment->refunded_minor - payment->refunding_minor;
}

static struct status refund(struct taking *taking, int64_t amount_minor)
{
    taking->payment->refunding_minor += amount_minor;
    return begin(taking, PAYMENT_REFUND, amount_minor, PAYMENT_GOT_REFUNDED);
}

static struct status begin_refund(struct taking *taking)
{
    int64_t left_minor = refundable(taking->payment);
    int64_t amount_minor = taking->input->amount_minor;

    if (amount_minor == 0) amount_minor = left_minor;
    if (amount_minor > left_minor || left_minor == 0)
        return above(taking, ARGOSY__REASON__PAYMENT_ABOVE_CAPTURED, left_minor, "refunded");
    return refund(taking, amount_minor);
}

static struct status begin_refund_of_rest(struct taking *taking)
{
    int64_t left_minor = refundable(taking->payment);

    return left_minor > 0 ? refund(taking, left_minor) : status_ok();
}

/* A refusal is made good by what succeeds after it. What a payment is undone for stays. */
static void forget_refusal(struct payment *payment)
{
    if (payment->wishes & PAYMENT_WISH_UNDO) return;
    payment->reason = 0;
    payment->message = "";
}

static struct status hold(struct taking *taking)
{
    struct payment *payment = taking->payment;

    forget_refusal(payment);
    payment->authorized_minor = payment->amount_minor;
    payment->expires_us = payment->amount_minor > 0 ? taking->input->expires_us : 0;
    if (payment->amount_minor > 0)
        payment_post_authorize(payment->amount_minor, new_posting(taking));
    if (!(payment->wishes & PAYMENT_WISH_UNDO)) tell(taking, PAYMENT_NEWS_AUTHORIZED);
    return status_ok();
}

/* It has ended, and the provider has it after all: it is not to stay. */
static struct status hold_to_undo(struct taking *taking)
{
    taking->payment->wishes |= PAYMENT_WISH_UNDO;
    return hold(taking);
}

static struct status ask_customer(struct taking *taking)
{
    if (!(taking->payment->wishes & PAYMENT_WISH_UNDO)) tell(taking, PAYMENT_NEWS_ACTION);
    return status_ok();
}

static void note_failure(struct taking *taking)
{
    taking->payment->reason = taking->input->reason;
    taking->payment->message = taking->input->message;
}

/* The end without money. */
static struct status end(struct taking *taking)
{
    taking->payment->expires_us = 0;
    return status_ok();
}

/* This try to pay has failed; the order may be paid by another. */
static struct status fail(struct taking *taking)
{
    if (taking->payment->wishes & PAYMENT_WISH_UNDO) return status_ok();
    count_failure(taking);
    note_failure(taking);
    tell(taking, PAYMENT_NEWS_FAILED);
    return status_ok();
}

/* Nobody asked the provider, so it is no failed try. */
static struct status deny(struct taking *taking)
{
    note_failure(taking);
    tell(taking, PAYMENT_NEWS_FAILED);
    return status_ok();
}

/* Declined after the customer was asked to act: the provider still has it open, and who can act on
 * it there could pay it yet. */
static struct status fail_and_close(struct taking *taking)
{
    struct status st = fail(taking);

    if (failed(st)) return st;
    return begin_close(taking);
}

static struct status let_go(struct taking *taking)
{
    struct payment *payment = taking->payment;
    bool undone = payment->wishes & PAYMENT_WISH_UNDO;

    if ((payment->wishes & PAYMENT_WISH_CLOSE) && !undone) {
        payment->wishes &= ~(unsigned)PAYMENT_WISH_CLOSE;
        payment->state = PAYMENT_NEW;
        return status_ok();
    }
    if (payment->authorized_minor > 0)
        payment_post_release("void", payment->authorized_minor, new_posting(taking));
    payment->authorized_minor = 0;
    if (!undone || !payment->reason) note_failure(taking);
    tell(taking, PAYMENT_NEWS_VOIDED);
    return end(taking);
}

/* What is to be given back at once delivers no order. */
static struct status tell_captured(struct taking *taking)
{
    if (!(taking->payment->wishes & PAYMENT_WISH_UNDO)) tell(taking, PAYMENT_NEWS_CAPTURED);
    return status_ok();
}

static struct status tell_voided(struct taking *taking)
{
    tell(taking, PAYMENT_NEWS_VOIDED);
    return status_ok();
}

static struct status take_money(struct taking *taking)
{
    struct payment *payment = taking->payment;
    int64_t amount_minor = taking->input->amount_minor;
    int64_t rest_minor = payment->authorized_minor - amount_minor;

    if (payment->amount_minor == 0) amount_minor = rest_minor = 0;
    invariant(rest_minor >= 0);
    forget_refusal(payment);
    if (amount_minor > 0) payment_post_capture(amount_minor, new_posting(taking));
    if (rest_minor > 0) payment_post_release("release", rest_minor, new_posting(taking));
    payment->captured_minor = amount_minor;
    payment->expires_us = 0;
    return tell_captured(taking);
}

static struct status give_back(struct taking *taking)
{
    struct payment *payment = taking->payment;
    int64_t amount_minor = taking->input->amount_minor;

    forget_refusal(payment);
    payment->refunding_minor -= amount_minor;
    payment->refunded_minor += amount_minor;
    invariant(payment->refunding_minor >= 0 && payment->refunded_minor <= payment->captured_minor);
    payment_post_refund(amount_minor, new_posting(taking));
    taking->effects->refunded_minor = amount_minor;
    tell(taking, PAYMENT_NEWS_REFUNDED);
    return status_ok();
}

static struct status note_refusal(struct taking *taking)
{
    note_failure(taking);
    taking->refused = true;
    return status_ok();
}

static struct status authorization_refused(struct taking *taking)
{
    count_failure(taking);
    return note_refusal(taking);
}

/* The order wanted the money, and the provider says no: the order hears of it, and decides what
 * becomes of the authorization. */
static struct status capture_refused(struct taking *taking)
{
    struct payment *payment = taking->payment;
    bool wanted = payment->wishes & PAYMENT_WISH_CAPTURE;

    payment->wishes &= ~(unsigned)PAYMENT_WISH_CAPTURE;
    if (wanted && !(payment->wishes & PAYMENT_WISH_UNDO)) tell(taking, PAYMENT_NEWS_CAPTURE_FAILED);
    return note_refusal(taking);
}

static struct status void_refused(struct taking *taking)
{
    if (taking->payment->authorized_minor == 0) taking->payment->state = PAYMENT_ACTION;
    return note_refusal(taking);
}

static struct status refund_refused(struct taking *taking)
{
    taking->payment->refunding_minor -= taking->input->amount_minor;
    invariant(taking->payment->refunding_minor >= 0);
    return note_refusal(taking);
}

/* The customer has not got it: it may be given back once more, and is if the order wants that. */
static struct status reverse_refund(struct taking *taking)
{
    struct payment *payment = taking->payment;
    int64_t amount_minor = taking->input->amount_minor;

    if (amount_minor <= 0 || amount_minor > payment->refunded_minor) return status_ok();
    payment->refunded_minor -= amount_minor;
    taking->effects->reversed_minor = amount_minor;
    payment_post_refund_reversed(amount_minor, new_posting(taking));
    return note_refusal(taking);
}

/* An authorization of nothing has no end. */
static struct status expire(struct taking *taking)
{
    if (taking->payment->amount_minor == 0) {
        taking->payment->expires_us = 0;
        return status_ok();
    }
    taking->payment->wishes |= PAYMENT_WISH_UNDO;
    note_failure(taking);
    return status_ok();
}

/* Who waits for the money is to know why it takes so long. */
static struct status delay(struct taking *taking)
{
    struct payment *payment = taking->payment;

    if (payment->wishes & PAYMENT_WISH_UNDO) return status_ok();
    note_failure(taking);
    if (payment->state != PAYMENT_VOIDING && payment->state != PAYMENT_CAPTURED)
        tell(taking, PAYMENT_NEWS_DELAYED);
    return status_ok();
}

/* A payment of nothing has all of it. */
static struct status open_payment(struct taking *taking)
{
    if (taking->payment->amount_minor == 0) taking->payment->state = PAYMENT_CAPTURED;
    return status_ok();
}

/* ---- what may happen when ---- */

static const struct rule {
    enum payment_state from;
    enum payment_step step;
    enum payment_state to;
    struct status (*does)(struct taking *taking); /* NULL: nothing besides */
} rules[] = {
    {PAYMENT_ABSENT, PAYMENT_ORDER_VALIDATED, PAYMENT_NEW, open_payment},
    {PAYMENT_ABSENT, PAYMENT_ORDER_CANCELLED, PAYMENT_BURIED, 0},

    {PAYMENT_NEW, PAYMENT_ASK_AUTHORIZE, PAYMENT_AUTHORIZING, begin_authorize},
    {PAYMENT_ACTION, PAYMENT_ASK_CONFIRM, PAYMENT_CONFIRMING, begin_confirm},
    {PAYMENT_ACTION, PAYMENT_ASK_ABANDON, PAYMENT_VOIDING, give_up},
    {PAYMENT_ACTION, PAYMENT_ASK_VOID, PAYMENT_VOIDING, begin_close},
    {PAYMENT_AUTHORIZED, PAYMENT_ASK_CAPTURE, PAYMENT_CAPTURING, begin_capture},
    {PAYMENT_AUTHORIZED, PAYMENT_ASK_VOID, PAYMENT_VOIDING, begin_asked_void},
    {PAYMENT_CAPTURED, PAYMENT_ASK_REFUND, PAYMENT_CAPTURED, begin_refund},

    {PAYMENT_AUTHORIZING, PAYMENT_GOT_AUTHORIZED, PAYMENT_AUTHORIZED, hold},
    {PAYMENT_AUTHORIZING, PAYMENT_GOT_ACTION, PAYMENT_ACTION, ask_customer},
    {PAYMENT_AUTHORIZING, PAYMENT_GOT_FAILED, PAYMENT_NEW, fail},
    {PAYMENT_AUTHORIZING, PAYMENT_GOT_REFUSED, PAYMENT_NEW, authorization_refused},
    {PAYMENT_AUTHORIZING, PAYMENT_DELAYED, PAYMENT_AUTHORIZING, delay},

    {PAYMENT_CONFIRMING, PAYMENT_GOT_AUTHORIZED, PAYMENT_AUTHORIZED, hold},
    {PAYMENT_CONFIRMING, PAYMENT_GOT_ACTION, PAYMENT_ACTION, 0},
    {PAYMENT_CONFIRMING, PAYMENT_GOT_FAILED, PAYMENT_VOIDING, fail_and_close},
    {PAYMENT_CONFIRMING, PAYMENT_GOT_VOIDED, PAYMENT_NEW, fail},
    {PAYMENT_CONFIRMING, PAYMENT_GOT_REFUSED, PAYMENT_ACTION, note_refusal},
    {PAYMENT_CONFIRMING, PAYMENT_DELAYED, PAYMENT_CONFIRMING, delay},

    {PAYMENT_CAPTURING, PAYMENT_GOT_CAPTURED, PAYMENT_CAPTURED, take_money},
    {PAYMENT_CAPTURING, PAYMENT_GOT_VOIDED, PAYMENT_CANCELED, let_go},
    {PAYMENT_CAPTURING, PAYMENT_GOT_REFUSED, PAYMENT_AUTHORIZED, capture_refused},
    {PAYMENT_CAPTURING, PAYMENT_DELAYED, PAYMENT_CAPTURING, delay},

    {PAYMENT_VOIDING, PAYMENT_GOT_VOIDED, PAYMENT_CANCELED, let_go},
    {PAYMENT_VOIDING, PAYMENT_GOT_FAILED, PAYMENT_CANCELED, let_go},
    {PAYMENT_VOIDING, PAYMENT_GOT_CAPTURED, PAYMENT_CAPTURED, take_money},
    {PAYMENT_VOIDING, PAYMENT_GOT_REFUSED, PAYMENT_AUTHORIZED, void_refused},
    {PAYMENT_VOIDING, PAYMENT_DELAYED, PAYMENT_VOIDING, delay},

    {PAYMENT_CAPTURED, PAYMENT_GOT_REFUNDED, PAYMENT_CAPTURED, give_back},
    {PAYMENT_CAPTURED, PAYMENT_GOT_REFUND_REFUSED, PAYMENT_CAPTURED, refund_refused},
    {PAYMENT_CAPTURED, PAYMENT_DELAYED, PAYMENT_CAPTURED, delay},
    {PAYMENT_CAPTURED, PAYMENT_GOT_REFUND_REVERSED, PAYMENT_CAPTURED, reverse_refund},

    {PAYMENT_AUTHORIZED, PAYMENT_EXPIRED, PAYMENT_AUTHORIZED, expire},
    {PAYMENT_NEW, PAYMENT_TRY_DENIED, PAYMENT_NEW, deny},

    /* The order may have missed it, or it came before the order asked. */
    {PAYMENT_CAPTURED, PAYMENT_ORDER_TO_DELIVER, PAYMENT_CAPTURED, tell_captured},
    {PAYMENT_CANCELED, PAYMENT_ORDER_TO_DELIVER, PAYMENT_CANCELED, tell_voided},

    /* What has come about at the provider without us. */
    {PAYMENT_NEW, PAYMENT_GOT_AUTHORIZED, PAYMENT_AUTHORIZED, hold},
    {PAYMENT_ACTION, PAYMENT_GOT_AUTHORIZED, PAYMENT_AUTHORIZED, hold},
    {PAYMENT_ACTION, PAYMENT_GOT_FAILED, PAYMENT_VOIDING, fail_and_close},
    {PAYMENT_ACTION, PAYMENT_GOT_VOIDED, PAYMENT_NEW, fail},
    {PAYMENT_AUTHORIZED, PAYMENT_GOT_CAPTURED, PAYMENT_CAPTURED, take_money},
    {PAYMENT_AUTHORIZED, PAYMENT_GOT_VOIDED, PAYMENT_CANCELED, let_go},
    {PAYMENT_CANCELED, PAYMENT_GOT_AUTHORIZED, PAYMENT_AUTHORIZED, hold_to_undo},
};

/* What the order says is kept in every state of a payment that there is. */
static const struct {
    enum payment_step step;
    unsigned wishes;
} told[] = {
    {PAYMENT_ORDER_CONFIRMED, PAYMENT_WISH_CONFIRMED},
    {PAYMENT_ORDER_TO_CAPTURE, PAYMENT_WISH_CONFIRMED | PAYMENT_WISH_CAPTURE},
    {PAYMENT_ORDER_TO_DELIVER, PAYMENT_WISH_CONFIRMED | PAYMENT_WISH_CAPTURE},
    {PAYMENT_ORDER_CANCELLED, PAYMENT_WISH_ENDED | PAYMENT_WISH_UNDO},
};

/* What a payment owes to its order, as soon as it is in this state. */
static const struct duty {
    enum payment_state from;
    enum payment_wish wish;
    enum payment_state to;
    struct status (*does)(struct taking *taking);
} duties[] = {
    {PAYMENT_NEW, PAYMENT_WISH_UNDO, PAYMENT_CANCELED, end},
    {PAYMENT_ACTION, PAYMENT_WISH_UNDO, PAYMENT_VOIDING, begin_void},
    {PAYMENT_ACTION, PAYMENT_WISH_CLOSE, PAYMENT_VOIDING, begin_void},
    {PAYMENT_AUTHORIZED, PAYMENT_WISH_UNDO, PAYMENT_VOIDING, begin_void},
    {PAYMENT_CAPTURED, PAYMENT_WISH_UNDO, PAYMENT_CAPTURED, begin_refund_of_rest},
    {PAYMENT_AUTHORIZED, PAYMENT_WISH_CAPTURE, PAYMENT_CAPTURING, begin_capture_of_all},
};

/* ---- taking a step ---- */

static const struct rule *find_rule(enum payment_state from, enum payment_step step)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].from == from && rules[i].step == step) return &rules[i];
    return 0;
}

static bool is_asked(enum payment_step step)
{
    return step <= PAYMENT_ASK_REFUND;
}

static struct status refuse(const struct taking *taking)
{
    const struct payment *payment = taking->payment;

    if (payment_is_busy(payment))
        return status_make(STATUS_ABORTED, ARGOSY__REASON__PAYMENT_BUSY,
                           "the payment is being worked on; try again in a moment");
    return status_printf(taking->arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__PAYMENT_STATE,
                         "the payment is %s, which does not allow this",
                         payment_state_name(payment->state));
}

static struct status move(struct taking *taking, enum payment_state to,
                          struct status (*does)(struct taking *taking))
{
    taking->payment->state = to;
    taking->effects->changed = true;
    return does ? does(taking) : status_ok();
}

/* What the order tells that is new. */
static unsigned wishes_of(const struct payment *payment, enum payment_step step)
{
    if (payment->state == PAYMENT_ABSENT || payment->state == PAYMENT_BURIED) return 0;
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        if (told[i].step == step) return told[i].wishes & ~payment->wishes;
    return 0;
}

static void wish(struct taking *taking, unsigned wishes)
{
    if (!wishes) return;
    taking->payment->wishes |= wishes;
    taking->effects->changed = true;
    /* One that has ended says why already. */
    if ((wishes & PAYMENT_WISH_UNDO) && taking->payment->state != PAYMENT_CANCELED)
        note_failure(taking);
}

static struct status do_duties(struct taking *taking)
{
    for (size_t i = 0; i < sizeof(duties) / sizeof(duties[0]); i++) {
        const struct duty *duty = &duties[i];
        if (taking->payment->state != duty->from || !(taking->payment->wishes & duty->wish))
            continue;
        return move(taking, duty->to, duty->does);
    }
    return status_ok();
}

/* Nothing is to be paid, and that is asked for. */
static bool is_settled(const struct payment *payment, enum payment_step step)
{
    return payment->amount_minor == 0 && payment->state == PAYMENT_CAPTURED &&
           (step == PAYMENT_ASK_AUTHORIZE || step == PAYMENT_ASK_CAPTURE);
}

static struct status take(struct taking *taking, enum payment_step step)
{
    const struct rule *rule = find_rule(taking->payment->state, step);

    if (is_settled(taking->payment, step)) return status_ok();
    if (!rule && is_asked(step)) return refuse(taking);
    wish(taking, wishes_of(taking->payment, step));
    if (rule) {
        struct status st = move(taking, rule->to, rule->does);
        if (failed(st)) return st;
    }
    if (!taking->effects->changed) return status_ok();
    return do_duties(taking);
}

struct status payment_take(struct arena *arena, struct payment *payment, enum payment_step step,
                           const struct payment_input *input, struct payment_effects *ret_effects)
{
    struct payment before = *payment;
    struct taking taking = {arena, payment, input, ret_effects, false};

    *ret_effects = (struct payment_effects){0};
    struct status st = take(&taking, step);
    if (failed(st)) *payment = before;
    if (failed(st) || !ret_effects->changed) return st;
    payment->updated_us = input->now_us;
    if (payment->state != PAYMENT_ACTION && payment->state != PAYMENT_CONFIRMING)
        payment->client_secret = "";
    return st;
}
