/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over two memory BIOs: OpenSSL reads what came from the peer out of one, and writes what is to
 * be sent into the other. */
#include "store/redis/tls.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "reasons.pb-c.h"
#include "store/redis/tls_library.h"

enum { TLS_ERROR_SIZE = 320 };

struct tls_context {
    const struct tls_library *library;
    SSL_CTX *ssl;
};

struct tls {
    const struct tls_library *library;
    SSL *ssl;
    BIO *in, *out; /* belong to `ssl` */
    bool ready;
    bool refused;
    char error[TLS_ERROR_SIZE];
};

/* ---- what all connections share ---- */

static struct status bad_file(struct arena *arena, const struct tls_library *library,
                              const char *option, const char *path)
{
    const char *reason = library->ERR_reason_error_string(library->ERR_peek_last_error());

    struct status st = status_printf(arena, STATUS_FAILED_PRECONDITION,
                                     ARGOSY__REASON__SETTING_INVALID,
                                     "the %s %s of the Redis server's URL cannot be used: %s",
                                     option, path, reason ? reason : "it cannot be read");
    library->ERR_clear_error();
    return st;
}

static struct status load_files(struct arena *arena, struct tls_context *context,
                                const char *cafile, const char *certfile, const char *keyfile)
{
    const struct tls_library *library = context->library;

    if (!cafile[0] && library->SSL_CTX_set_default_verify_paths(context->ssl) != 1)
        return bad_file(arena, library, "system's authorities instead of a cafile", "");
    if (cafile[0] && library->SSL_CTX_load_verify_file(context->ssl, cafile) != 1)
        return bad_file(arena, library, "cafile", cafile);
    if (!certfile[0]) return status_ok();
    if (library->SSL_CTX_use_certificate_chain_file(context->ssl, certfile) != 1)
        return bad_file(arena, library, "certfile", certfile);
    if (library->SSL_CTX_use_PrivateKey_file(context->ssl, keyfile, SSL_FILETYPE_PEM) != 1)
        return bad_file(arena, library, "keyfile", keyfile);
    return status_ok();
}

struct status tls_context_new(struct arena *arena, const char *cafile, const char *certfile,
                              const char *keyfile, struct tls_context **ret_context)
{
    const struct tls_library *library;

    struct status st = tls_library_load(arena, &library);
    if (failed(st)) return st;
    struct tls_context *context = calloc(1, sizeof(*context));
    invariant(context);
    context->library = library;
    context->ssl = library->SSL_CTX_new(library->TLS_client_method());
    invariant(context->ssl);
    library->SSL_CTX_ctrl(context->ssl, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, 0);
    library->SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, 0);
    st = load_files(arena, context, cafile, certfile, keyfile);
    if (failed(st)) {
        tls_context_free(context);
        return st;
    }
    *ret_context = context;
    return status_ok();
}

void tls_context_free(struct tls_context *context)
{
    if (!context) return;
    context->library->SSL_CTX_free(context->ssl);
    free(context);
}

/* ---- a connection ---- */

static void name_peer(struct tls *tls, const char *host)
{
    uint8_t address[16];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
        tls->library->X509_VERIFY_PARAM_set1_ip_asc(tls->library->SSL_get0_param(tls->ssl), host);
        return;
    }
    tls->library->SSL_set1_host(tls->ssl, host);
    tls->library->SSL_ctrl(tls->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                           (void *)(uintptr_t)host);
}

static void note_refusal(struct tls *tls, const char *problem, const char *why, const char *advice)
{
    tls->refused = true;
    snprintf(tls->error, sizeof(tls->error), "%s: %s; %s", problem, why, advice);
}

static const char *advice_about(long verification)
{
    switch (verification) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return "renew the certificate";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "use the name in the certificate as the host in the store's URL, or issue a "
               "certificate for this host";
    default: return "let cafile in the store's URL name the authority that signed the certificate";
    }
}

/* Does the server's alert say that it does not accept our certificate, or that there is none? */
static bool is_alert_about_us(unsigned long error)
{
    switch (ERR_GET_REASON(error)) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: return true;
    default: return false;
    }
}

/* Notes why an operation that returned `result` did not succeed. True if it only needs more bytes
 * from the peer. */
static bool note_error(struct tls *tls, int result)
{
    int error = tls->library->SSL_get_error(tls->ssl, result);

    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return true;
    long verification = tls->library->SSL_get_verify_result(tls->ssl);
    unsigned long last = tls->library->ERR_peek_last_error();
    const char *reason = tls->library->ERR_reason_error_string(last);
    if (verification != X509_V_OK)
        note_refusal(tls, "the server's certificate is not accepted",
                     tls->library->X509_verify_cert_error_string(verification),
                     advice_about(verification));
    else if (is_alert_about_us(last))
        note_refusal(tls, "the server does not accept our certificate", reason,
                     "let certfile and keyfile in the store's URL name one that it accepts");
    else
        snprintf(tls->error, sizeof(tls->error), "TLS: %s",
                 error == SSL_ERROR_ZERO_RETURN ? "the server ended the session"
                 : reason                       ? reason
                                                : "the connection is broken");
    tls->library->ERR_clear_error();
    return false;
}

static bool shake_hands(struct tls *tls)
{
    if (tls->ready) return true;
    tls->library->ERR_clear_error();
    int result = tls->library->SSL_do_handshake(tls->ssl);
    if (result == 1) {
        tls->ready = true;
        return true;
    }
    return note_error(tls, result);
}

/* It is never at its end: more bytes may come. */
static BIO *new_memory(const struct tls_library *library)
{
    BIO *memory = library->BIO_new(library->BIO_s_mem());

    invariant(memory);
    library->BIO_ctrl(memory, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, 0);
    return memory;
}

struct tls *tls_new(struct tls_context *context, const char *host)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    invariant(tls);
    tls->library = context->library;
    tls->ssl = tls->library->SSL_new(context->ssl);
    tls->in = new_memory(tls->library);
    tls->out = new_memory(tls->library);
    invariant(tls->ssl);
    tls->library->SSL_set_bio(tls->ssl, tls->in, tls->out);
    tls->library->SSL_set_connect_state(tls->ssl);
    name_peer(tls, host);
    shake_hands(tls);
    return tls;
}

void tls_free(struct tls *tls)
{
    if (!tls) return;
    tls->library->SSL_free(tls->ssl);
    free(tls);
}

void tls_feed(struct tls *tls, const void *data, size_t size)
{
    tls->library->BIO_write(tls->in, data, (int)size);
}

bool tls_read(struct tls *tls, void *ret_data, size_t size, size_t *ret_count)
{
    size_t count = 0;

    *ret_count = 0;
    if (!shake_hands(tls)) return false;
    if (!tls->ready) return true;
    tls->library->ERR_clear_error();
    int result = tls->library->SSL_read_ex(tls->ssl, ret_data, size, &count);
    if (result != 1) return note_error(tls, result);
    *ret_count = count;
    return true;
}

bool tls_is_ready(const struct tls *tls)
{
    return tls->ready;
}

bool tls_write(struct tls *tls, const void *data, size_t size)
{
    size_t written;

    tls->library->ERR_clear_error();
    int result = tls->library->SSL_write_ex(tls->ssl, data, size, &written);
    if (result == 1) return true;
    note_error(tls, result);
    return false; /* a memory BIO takes everything, so there is nothing to wait for */
}

void tls_take(struct tls *tls, struct buffer *out)
{
    size_t pending = tls->library->BIO_ctrl_pending(tls->out);
    char *room = pending > 0 ? buffer_reserve(out, pending) : 0;

    if (!room) return;
    int taken = tls->library->BIO_read(tls->out, room, (int)pending);
    if (taken > 0) out->length += (size_t)taken;
}

bool tls_is_refused(const struct tls *tls)
{
    return tls->refused;
}

const char *tls_error(const struct tls *tls)
{
    return tls->error[0] ? tls->error : "the connection is broken";
}
