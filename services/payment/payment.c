/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a payment's states and steps, what each step does, and the duties that follow from
 * what the order has requested. */
#include "services/payment/payment.h"

#include <string.h>

#include "base/str.h"
#include "reasons.pb-c.h"

/* How long a refused operation waits before it begins again, because its order still requests it;
 * people may have to look into it meanwhile. */
#define REFUSED_DELAY_US (600 * INT64_C(1000000))

/* A step and its effects so far. */
struct transition {
    struct arena *arena;
    struct payment *payment;
    const struct payment_input *input;
    struct payment_effects *effects;
    bool refused; /* the provider has just refused the operation */
    int failures; /* attempts that fail in this step */
};

static struct status take(struct transition *transition, enum payment_step step);

/* ---- what a step does ---- */

static struct payment_posting *new_posting(struct transition *transition)
{
    struct payment_effects *effects = transition->effects;

    invariant(effects->posting_count < PAYMENT_POSTINGS_MAX);
    return &effects->postings[effects->posting_count++];
}

static void tell(struct transition *transition, enum payment_news news)
{
    struct payment_effects *effects = transition->effects;

    invariant(effects->news_count < PAYMENT_NEWS_MAX);
    effects->news[effects->news_count++] = news;
}

/* Begins an operation. An amount of 0 needs no provider: then the operation succeeds at once. */
static struct status begin(struct transition *transition, enum payment_operation_kind kind,
                           int64_t amount_minor, enum payment_step answer)
{
    struct payment_effects *effects = transition->effects;

    if (transition->payment->amount_minor == 0) return take(transition, answer);
    invariant(effects->operation.kind == PAYMENT_NO_OPERATION);
    effects->operation.kind = kind;
    effects->operation.amount_minor = amount_minor;
    if (transition->refused) effects->operation.delay_us = REFUSED_DELAY_US;
    return status_ok();
}

static struct status check_tries(const struct transition *transition)
{
    return payment_check_tries(transition->arena, transition->payment, transition->input,
                               transition->failures);
}

static void count_failure(struct transition *transition)
{
    transition->failures++;
    transition->payment->failures++;
    transition->payment->failed_us = transition->input->now_us;
}

static struct status begin_authorize(struct transition *transition)
{
    struct status st = check_tries(transition);

    if (failed(st)) return st;
    transition->payment->reference = ""; /* it was the previous attempt's */
    return begin(transition, PAYMENT_AUTHORIZE, transition->payment->amount_minor,
                 PAYMENT_GOT_AUTHORIZED);
}

static struct status begin_confirm(struct transition *transition)
{
    return begin(transition, PAYMENT_CONFIRM, transition->payment->amount_minor,
                 PAYMENT_GOT_AUTHORIZED);
}

static struct status above(struct transition *transition, int reason, int64_t left_minor,
                           const char *what)
{
    if (left_minor == 0)
        return status_printf(transition->arena, STATUS_FAILED_PRECONDITION, reason,
                             "nothing is left that can be %s", what);
    return status_printf(transition->arena, STATUS_FAILED_PRECONDITION, reason,
                         "%lld is more than the %lld that can be %s; ask for less",
                         (long long)transition->input->amount_minor, (long long)left_minor, what);
}

static struct status begin_capture(struct transition *transition)
{
    int64_t authorized_minor = transition->payment->authorized_minor;
    int64_t amount_minor = transition->input->amount_minor;

    if (amount_minor == 0) amount_minor = authorized_minor;
    if (amount_minor > authorized_minor)
        return above(transition, ARGOSY__REASON__PAYMENT_ABOVE_AUTHORIZED, authorized_minor,
                     "captured");
    return begin(transition, PAYMENT_CAPTURE, amount_minor, PAYMENT_GOT_CAPTURED);
}

static struct status begin_capture_of_all(struct transition *transition)
{
    return begin(transition, PAYMENT_CAPTURE, transition->payment->authorized_minor,
                 PAYMENT_GOT_CAPTURED);
}

static struct status begin_void(struct transition *transition)
{
    return begin(transition, PAYMENT_VOID, transition->payment->authorized_minor,
                 PAYMENT_GOT_VOIDED);
}

static struct status begin_close(struct transition *transition)
{
    transition->payment->wishes |= PAYMENT_WISH_CLOSE;
    return begin_void(transition);
}

/* Abandons the method that the customer was asked to confirm for another one, if another attempt is
 * allowed. */
static struct status give_up(struct transition *transition)
{
    count_failure(transition);
    struct status st = check_tries(transition);
    return failed(st) ? st : begin_close(transition);
}

/* Voids the authorization at the shop's request. */
static struct status begin_asked_void(struct transition *transition)
{
    transition->payment->wishes |= PAYMENT_WISH_UNDO;
    transition->payment->reason = ARGOSY__REASON__ORDER_CANCELLED;
    transition->payment->message = "the shop has voided the authorization";
    return begin_void(transition);
}

static int64_t refundable(const struct payment *payment)
{
    return payment->captured_minor - payment->refunded_minor - payment->refunding_minor;
}

static struct status refund(struct transition *transition, int64_t amount_minor)
{
    transition->payment->refunding_minor += amount_minor;
    return begin(transition, PAYMENT_REFUND, amount_minor, PAYMENT_GOT_REFUNDED);
}

static struct status begin_refund(struct transition *transition)
{
    int64_t left_minor = refundable(transition->payment);
    int64_t amount_minor = transition->input->amount_minor;

    if (amount_minor == 0) amount_minor = left_minor;
    if (amount_minor > left_minor || left_minor == 0)
        return above(transition, ARGOSY__REASON__PAYMENT_ABOVE_CAPTURED, left_minor, "refunded");
    return refund(transition, amount_minor);
}

static struct status begin_refund_of_rest(struct transition *transition)
{
    int64_t left_minor = refundable(transition->payment);

    return left_minor > 0 ? refund(transition, left_minor) : status_ok();
}

/* A success clears the last refusal. The reason of a payment that is being undone stays. */
static void forget_refusal(struct payment *payment)
{
    if (payment->wishes & PAYMENT_WISH_UNDO) return;
    payment->reason = 0;
    payment->message = "";
}

static struct status hold(struct transition *transition)
{
    struct payment *payment = transition->payment;

    forget_refusal(payment);
    payment->authorized_minor = payment->amount_minor;
    payment->expires_us = payment->amount_minor > 0 ? transition->input->expires_us : 0;
    if (payment->amount_minor > 0)
        payment_post_authorize(payment->amount_minor, new_posting(transition));
    if (!(payment->wishes & PAYMENT_WISH_UNDO)) tell(transition, PAYMENT_NEWS_AUTHORIZED);
    return status_ok();
}

/* The payment has ended, and the provider has an authorization after all: void it. */
static struct status hold_to_undo(struct transition *transition)
{
    transition->payment->wishes |= PAYMENT_WISH_UNDO;
    return hold(transition);
}

static struct status ask_customer(struct transition *transition)
{
    if (!(transition->payment->wishes & PAYMENT_WISH_UNDO)) tell(transition, PAYMENT_NEWS_ACTION);
    return status_ok();
}

static void note_failure(struct transition *transition)
{
    transition->payment->reason = transition->input->reason;
    transition->payment->message = transition->input->message;
}

/* Ends the payment without money. */
static struct status end(struct transition *transition)
{
    transition->payment->expires_us = 0;
    return status_ok();
}

/* This attempt has failed; another method may be tried. */
static struct status fail(struct transition *transition)
{
    if (transition->payment->wishes & PAYMENT_WISH_UNDO) return status_ok();
    count_failure(transition);
    note_failure(transition);
    tell(transition, PAYMENT_NEWS_FAILED);
    return status_ok();
}

/* The provider was not called, so this does not count as a failed attempt. */
static struct status deny(struct transition *transition)
{
    note_failure(transition);
    tell(transition, PAYMENT_NEWS_FAILED);
    return status_ok();
}

/* Declined after the customer was asked to act: the payment is still open at the provider, where
 * the customer could yet complete it, so it is closed. */
static struct status fail_and_close(struct transition *transition)
{
    struct status st = fail(transition);

    if (failed(st)) return st;
    return begin_close(transition);
}

static struct status let_go(struct transition *transition)
{
    struct payment *payment = transition->payment;
    bool undone = payment->wishes & PAYMENT_WISH_UNDO;

    if ((payment->wishes & PAYMENT_WISH_CLOSE) && !undone) {
        payment->wishes &= ~(unsigned)PAYMENT_WISH_CLOSE;
        payment->state = PAYMENT_NEW;
        return status_ok();
    }
    if (payment->authorized_minor > 0)
        payment_post_release("void", payment->authorized_minor, new_posting(transition));
    payment->authorized_minor = 0;
    if (!undone || !payment->reason) note_failure(transition);
    tell(transition, PAYMENT_NEWS_VOIDED);
    return end(transition);
}

/* A capture that will be refunded at once is not published, so that no order is delivered for
 * it. */
static struct status tell_captured(struct transition *transition)
{
    if (!(transition->payment->wishes & PAYMENT_WISH_UNDO)) tell(transition, PAYMENT_NEWS_CAPTURED);
    return status_ok();
}

static struct status tell_voided(struct transition *transition)
{
    tell(transition, PAYMENT_NEWS_VOIDED);
    return status_ok();
}

static struct status take_money(struct transition *transition)
{
    struct payment *payment = transition->payment;
    int64_t amount_minor = transition->input->amount_minor;
    int64_t rest_minor = payment->authorized_minor - amount_minor;

    if (payment->amount_minor == 0) amount_minor = rest_minor = 0;
    invariant(rest_minor >= 0);
    forget_refusal(payment);
    if (amount_minor > 0) payment_post_capture(amount_minor, new_posting(transition));
    if (rest_minor > 0) payment_post_release("release", rest_minor, new_posting(transition));
    payment->captured_minor = amount_minor;
    payment->expires_us = 0;
    return tell_captured(transition);
}

static struct status give_back(struct transition *transition)
{
    struct payment *payment = transition->payment;
    int64_t amount_minor = transition->input->amount_minor;

    forget_refusal(payment);
    payment->refunding_minor -= amount_minor;
    payment->refunded_minor += amount_minor;
    invariant(payment->refunding_minor >= 0 && payment->refunded_minor <= payment->captured_minor);
    payment_post_refund(amount_minor, new_posting(transition));
    transition->effects->refunded_minor = amount_minor;
    tell(transition, PAYMENT_NEWS_REFUNDED);
    return status_ok();
}

static struct status note_refusal(struct transition *transition)
{
    note_failure(transition);
    transition->refused = true;
    return status_ok();
}

static struct status authorization_refused(struct transition *transition)
{
    count_failure(transition);
    return note_refusal(transition);
}

/* The provider has refused a capture that the order requested: that is published, and the order
 * decides about the authorization. */
static struct status capture_refused(struct transition *transition)
{
    struct payment *payment = transition->payment;
    bool wanted = payment->wishes & PAYMENT_WISH_CAPTURE;

    payment->wishes &= ~(unsigned)PAYMENT_WISH_CAPTURE;
    if (wanted && !(payment->wishes & PAYMENT_WISH_UNDO))
        tell(transition, PAYMENT_NEWS_CAPTURE_FAILED);
    return note_refusal(transition);
}

static struct status void_refused(struct transition *transition)
{
    if (transition->payment->authorized_minor == 0) transition->payment->state = PAYMENT_ACTION;
    return note_refusal(transition);
}

static struct status refund_refused(struct transition *transition)
{
    transition->payment->refunding_minor -= transition->input->amount_minor;
    invariant(transition->payment->refunding_minor >= 0);
    return note_refusal(transition);
}

/* The customer has not received the money: it may be refunded again, which happens at once if the
 * order requests it. */
static struct status reverse_refund(struct transition *transition)
{
    struct payment *payment = transition->payment;
    int64_t amount_minor = transition->input->amount_minor;

    if (amount_minor <= 0 || amount_minor > payment->refunded_minor) return status_ok();
    payment->refunded_minor -= amount_minor;
    transition->effects->reversed_minor = amount_minor;
    payment_post_refund_reversed(amount_minor, new_posting(transition));
    return note_refusal(transition);
}

/* An authorization of 0 does not expire. */
static struct status expire(struct transition *transition)
{
    if (transition->payment->amount_minor == 0) {
        transition->payment->expires_us = 0;
        return status_ok();
    }
    transition->payment->wishes |= PAYMENT_WISH_UNDO;
    note_failure(transition);
    return status_ok();
}

/* Publishes why the payment takes so long. */
static struct status delay(struct transition *transition)
{
    struct payment *payment = transition->payment;

    if (payment->wishes & PAYMENT_WISH_UNDO) return status_ok();
    note_failure(transition);
    if (payment->state != PAYMENT_VOIDING && payment->state != PAYMENT_CAPTURED)
        tell(transition, PAYMENT_NEWS_DELAYED);
    return status_ok();
}

/* A payment of 0 is captured from the beginning. */
static struct status open_payment(struct transition *transition)
{
    if (transition->payment->amount_minor == 0) transition->payment->state = PAYMENT_CAPTURED;
    return status_ok();
}

/* ---- what may happen when ---- */

static const struct rule {
    enum payment_state from;
    enum payment_step step;
    enum payment_state to;
    struct status (*does)(struct transition *transition); /* NULL: nothing else */
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

    /* The order may have missed the event, or it was published before the order's request. */
    {PAYMENT_CAPTURED, PAYMENT_ORDER_TO_DELIVER, PAYMENT_CAPTURED, tell_captured},
    {PAYMENT_CANCELED, PAYMENT_ORDER_TO_DELIVER, PAYMENT_CANCELED, tell_voided},

    /* What has happened at the provider without a call of ours. */
    {PAYMENT_NEW, PAYMENT_GOT_AUTHORIZED, PAYMENT_AUTHORIZED, hold},
    {PAYMENT_ACTION, PAYMENT_GOT_AUTHORIZED, PAYMENT_AUTHORIZED, hold},
    {PAYMENT_ACTION, PAYMENT_GOT_FAILED, PAYMENT_VOIDING, fail_and_close},
    {PAYMENT_ACTION, PAYMENT_GOT_VOIDED, PAYMENT_NEW, fail},
    {PAYMENT_AUTHORIZED, PAYMENT_GOT_CAPTURED, PAYMENT_CAPTURED, take_money},
    {PAYMENT_AUTHORIZED, PAYMENT_GOT_VOIDED, PAYMENT_CANCELED, let_go},
    {PAYMENT_CANCELED, PAYMENT_GOT_AUTHORIZED, PAYMENT_AUTHORIZED, hold_to_undo},
};

/* The order's requests are noted in every state of an existing payment. */
static const struct {
    enum payment_step step;
    unsigned wishes;
} requests[] = {
    {PAYMENT_ORDER_CONFIRMED, PAYMENT_WISH_CONFIRMED},
    {PAYMENT_ORDER_TO_CAPTURE, PAYMENT_WISH_CONFIRMED | PAYMENT_WISH_CAPTURE},
    {PAYMENT_ORDER_TO_DELIVER, PAYMENT_WISH_CONFIRMED | PAYMENT_WISH_CAPTURE},
    {PAYMENT_ORDER_CANCELLED, PAYMENT_WISH_ENDED | PAYMENT_WISH_UNDO},
};

/* What is done for a request of the order as soon as the payment is in this state. */
static const struct duty {
    enum payment_state from;
    enum payment_wish wish;
    enum payment_state to;
    struct status (*does)(struct transition *transition);
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

static struct status refuse(const struct transition *transition)
{
    const struct payment *payment = transition->payment;

    if (payment_is_busy(payment))
        return status_make(
            STATUS_ABORTED, ARGOSY__REASON__PAYMENT_BUSY,
            "another operation on the payment is in progress; try again in a moment");
    return status_printf(
        transition->arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__PAYMENT_STATE,
        "the payment is %s, which does not allow this", payment_state_name(payment->state));
}

static struct status move(struct transition *transition, enum payment_state to,
                          struct status (*does)(struct transition *transition))
{
    transition->payment->state = to;
    transition->effects->changed = true;
    return does ? does(transition) : status_ok();
}

/* The requests in this step that are new. */
static unsigned wishes_of(const struct payment *payment, enum payment_step step)
{
    if (payment->state == PAYMENT_ABSENT || payment->state == PAYMENT_BURIED) return 0;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        if (requests[i].step == step) return requests[i].wishes & ~payment->wishes;
    return 0;
}

static void wish(struct transition *transition, unsigned wishes)
{
    if (!wishes) return;
    transition->payment->wishes |= wishes;
    transition->effects->changed = true;
    /* A payment that has ended already has its reason. */
    if ((wishes & PAYMENT_WISH_UNDO) && transition->payment->state != PAYMENT_CANCELED)
        note_failure(transition);
}

static struct status do_duties(struct transition *transition)
{
    for (size_t i = 0; i < sizeof(duties) / sizeof(duties[0]); i++) {
        const struct duty *duty = &duties[i];
        if (transition->payment->state != duty->from || !(transition->payment->wishes & duty->wish))
            continue;
        return move(transition, duty->to, duty->does);
    }
    return status_ok();
}

/* A request to authorize or capture a payment of 0, which needs nothing. */
static bool is_settled(const struct payment *payment, enum payment_step step)
{
    return payment->amount_minor == 0 && payment->state == PAYMENT_CAPTURED &&
           (step == PAYMENT_ASK_AUTHORIZE || step == PAYMENT_ASK_CAPTURE);
}

static struct status take(struct transition *transition, enum payment_step step)
{
    const struct rule *rule = find_rule(transition->payment->state, step);

    if (is_settled(transition->payment, step)) return status_ok();
    if (!rule && is_asked(step)) return refuse(transition);
    wish(transition, wishes_of(transition->payment, step));
    if (rule) {
        struct status st = move(transition, rule->to, rule->does);
        if (failed(st)) return st;
    }
    if (!transition->effects->changed) return status_ok();
    return do_duties(transition);
}

struct status payment_take(struct arena *arena, struct payment *payment, enum payment_step step,
                           const struct payment_input *input, struct payment_effects *ret_effects)
{
    struct payment before = *payment;
    struct transition transition = {
        .arena = arena, .payment = payment, .input = input, .effects = ret_effects};

    *ret_effects = (struct payment_effects){0};
    struct status st = take(&transition, step);
    if (failed(st)) *payment = before;
    if (failed(st) || !ret_effects->changed) return st;
    payment->updated_us = input->now_us;
    if (payment->state != PAYMENT_ACTION && payment->state != PAYMENT_CONFIRMING)
        payment->client_secret = "";
    return st;
}
