/* SPDX-License-Identifier: Apache-2.0 */
/* libpq, loaded when the first store with a postgres:// URL is made. Linked, it and the libraries
 * that it needs (LDAP, Kerberos ...) would cost every process several megabytes. Private to this
 * folder. */
#ifndef STORE_POSTGRES_LIBRARY_H
#define STORE_POSTGRES_LIBRARY_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "base/status.h"

/* Its functions, named without `PQ`. */
struct postgres_library {
    __typeof__(PQconninfoParse) *conninfoParse;
    __typeof__(PQconninfoFree) *conninfoFree;
    __typeof__(PQconnectStartParams) *connectStartParams;
    __typeof__(PQconnectPoll) *connectPoll;
    __typeof__(PQfinish) *finish;
    __typeof__(PQstatus) *status;
    __typeof__(PQsocket) *socket;
    __typeof__(PQerrorMessage) *errorMessage;
    __typeof__(PQsetErrorVerbosity) *setErrorVerbosity;
    __typeof__(PQserverVersion) *serverVersion;
    __typeof__(PQbackendPID) *backendPID;
    __typeof__(PQsetnonblocking) *setnonblocking;
    __typeof__(PQsetNoticeReceiver) *setNoticeReceiver;
    __typeof__(PQenterPipelineMode) *enterPipelineMode;
    __typeof__(PQpipelineSync) *pipelineSync;
    __typeof__(PQsendFlushRequest) *sendFlushRequest;
    __typeof__(PQsendPrepare) *sendPrepare;
    __typeof__(PQsendQueryPrepared) *sendQueryPrepared;
    __typeof__(PQsendQueryParams) *sendQueryParams;
    __typeof__(PQflush) *flush;
    __typeof__(PQconsumeInput) *consumeInput;
    __typeof__(PQisBusy) *isBusy;
    __typeof__(PQgetResult) *getResult;
    __typeof__(PQnotifies) *notifies;
    __typeof__(PQfreemem) *freemem;
    __typeof__(PQresultStatus) *resultStatus;
    __typeof__(PQresultErrorField) *resultErrorField;
    __typeof__(PQresultErrorMessage) *resultErrorMessage;
    __typeof__(PQntuples) *ntuples;
    __typeof__(PQnfields) *nfields;
    __typeof__(PQftype) *ftype;
    __typeof__(PQgetvalue) *getvalue;
    __typeof__(PQgetlength) *getlength;
    __typeof__(PQgetisnull) *getisnull;
    __typeof__(PQcmdTuples) *cmdTuples;
    __typeof__(PQclear) *clear;
};

/* Any thread; blocks. The library stays loaded until the process ends. FAILED_PRECONDITION
 * (SETTING_INVALID), which names the package, if it is not installed. */
struct status postgres_library_load(struct arena *arena,
                                    const struct postgres_library **ret_library);

#endif
