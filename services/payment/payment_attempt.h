/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt of an operation: calls the provider and translates its answer into a verdict. Nothing
 * is written here. */
#ifndef SERVICES_PAYMENT_PAYMENT_ATTEMPT_H
#define SERVICES_PAYMENT_PAYMENT_ATTEMPT_H

#include "services/payment/payment_service.h"

/* The result of a call of the provider. */
struct payment_verdict {
    bool known;      /* the outcome is known, whatever it is */
    bool delayed;    /* the delay must be published; the operation goes on */
    bool processing; /* the provider answered that it does not know yet */
    enum payment_step step;
    struct payment_input input;
    const char *reference;     /* the provider's own id of the payment; NULL: unknown */
    const char *client_secret; /* NULL: unknown */
    const char *refund;        /* the provider's own id of a refund; NULL: unknown */
    struct status refusal;     /* what a request that waits is answered; OK: it succeeded */
};

/* An operation with its payment, as one attempt sees them. */
struct payment_attempt {
    struct payment_service *service;
    struct payment_operation operation;
    struct payment payment;
    struct payment_verdict verdict;
    bool answered; /* there is an answer for a waiting request, or for its record */
    struct str answer;
};

/* Calls the provider, within its time limit, and fills in the verdict. Operation and payment are as
 * stored. */
void payment_attempt_make(struct call *call, struct payment_attempt *attempt);

#endif
