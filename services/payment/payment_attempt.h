/* SPDX-License-Identifier: Apache-2.0 */
/* One try of an operation: the provider is asked, and what it says is made a verdict. Nothing is
 * written here. */
#ifndef SERVICES_PAYMENT_PAYMENT_ATTEMPT_H
#define SERVICES_PAYMENT_PAYMENT_ATTEMPT_H

#include "services/payment/payment_service.h"

/* What came of asking the provider. */
struct payment_verdict {
    bool known;      /* it has answered, one way or another */
    bool delayed;    /* that it does not answer is to be told; the operation goes on */
    bool processing; /* it answered that it does not know yet */
    enum payment_step step;
    struct payment_input input;
    const char *reference;     /* the provider's own id of the payment; NULL: not told */
    const char *client_secret; /* likewise */
    const char *refund;        /* its own id of a refund; likewise */
    struct status refusal;     /* what a request that waits is answered; OK: it succeeded */
};

/* An operation and what it is of, as one try sees it. */
struct payment_attempt {
    struct payment_service *service;
    struct payment_operation operation;
    struct payment payment;
    struct payment_verdict verdict;
    bool answered; /* somebody waits, or a request's record does */
    struct str answer;
};

/* Asks the provider, for as long as it may take, and fills in the verdict; operation and payment
 * are as the store has them. */
void payment_attempt_make(struct call *call, struct payment_attempt *attempt);

#endif
