/* SPDX-License-Identifier: Apache-2.0 */
/* Loads libssl with dlopen and looks up its functions. dlsym also searches the libraries that libssl
 * needs, and so finds those of libcrypto. */
#include "store/redis/tls_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "reasons.pb-c.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct tls_library library;
static char problem[256]; /* "": it is loaded */

static void *find(void *handle, const char *name)
{
    void *function = dlsym(handle, name);

    if (!function && !problem[0]) snprintf(problem, sizeof(problem), "it has no %s", name);
    return function;
}

/* POSIX allows dlsym to return a function; ISO C has no cast for that. */
#define FIND(name) (*(void **)&library.name = find(handle, #name))

static void load(void)
{
    void *handle = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);

    if (!handle) {
        const char *error = dlerror();
        snprintf(problem, sizeof(problem), "%s", error ? error : "it is not installed");
        return;
    }
    FIND(BIO_ctrl);
    FIND(BIO_ctrl_pending);
    FIND(BIO_new);
    FIND(BIO_read);
    FIND(BIO_s_mem);
    FIND(BIO_write);
    FIND(ERR_clear_error);
    FIND(ERR_peek_last_error);
    FIND(ERR_reason_error_string);
    FIND(X509_VERIFY_PARAM_set1_ip_asc);
    FIND(X509_verify_cert_error_string);
    FIND(SSL_CTX_new);
    FIND(SSL_CTX_free);
    FIND(TLS_client_method);
    FIND(SSL_CTX_ctrl);
    FIND(SSL_CTX_set_verify);
    FIND(SSL_CTX_set_default_verify_paths);
    FIND(SSL_CTX_load_verify_file);
    FIND(SSL_CTX_use_certificate_chain_file);
    FIND(SSL_CTX_use_PrivateKey_file);
    FIND(SSL_new);
    FIND(SSL_free);
    FIND(SSL_ctrl);
    FIND(SSL_set_bio);
    FIND(SSL_set_connect_state);
    FIND(SSL_set1_host);
    FIND(SSL_get0_param);
    FIND(SSL_do_handshake);
    FIND(SSL_read_ex);
    FIND(SSL_write_ex);
    FIND(SSL_get_error);
    FIND(SSL_get_verify_result);
}

struct status tls_library_load(struct arena *arena, const struct tls_library **ret_library)
{
    pthread_once(&once, load);
    if (problem[0])
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "OpenSSL's libssl cannot be used (%s); install libssl3", problem);
    *ret_library = &library;
    return status_ok();
}
