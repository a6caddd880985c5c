/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL, loaded when the first URL asks for TLS, so that a process without one does not
 * pay for it. Private to store/redis/tls*.c. */
#ifndef STORE_REDIS_TLS_LIBRARY_H
#define STORE_REDIS_TLS_LIBRARY_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/status.h"

/* Its functions; macros of the headers are made of BIO_ctrl, SSL_ctrl and SSL_CTX_ctrl. */
struct tls_library {
    __typeof__(BIO_ctrl) *BIO_ctrl;
    __typeof__(BIO_ctrl_pending) *BIO_ctrl_pending;
    __typeof__(BIO_new) *BIO_new;
    __typeof__(BIO_read) *BIO_read;
    __typeof__(BIO_s_mem) *BIO_s_mem;
    __typeof__(BIO_write) *BIO_write;
    __typeof__(ERR_clear_error) *ERR_clear_error;
    __typeof__(ERR_peek_last_error) *ERR_peek_last_error;
    __typeof__(ERR_reason_error_string) *ERR_reason_error_string;
    __typeof__(X509_VERIFY_PARAM_set1_ip_asc) *X509_VERIFY_PARAM_set1_ip_asc;
    __typeof__(X509_verify_cert_error_string) *X509_verify_cert_error_string;
    __typeof__(SSL_CTX_new) *SSL_CTX_new;
    __typeof__(SSL_CTX_free) *SSL_CTX_free;
    __typeof__(TLS_client_method) *TLS_client_method;
    __typeof__(SSL_CTX_ctrl) *SSL_CTX_ctrl;
    __typeof__(SSL_CTX_set_verify) *SSL_CTX_set_verify;
    __typeof__(SSL_CTX_set_default_verify_paths) *SSL_CTX_set_default_verify_paths;
    __typeof__(SSL_CTX_load_verify_file) *SSL_CTX_load_verify_file;
    __typeof__(SSL_CTX_use_certificate_chain_file) *SSL_CTX_use_certificate_chain_file;
    __typeof__(SSL_CTX_use_PrivateKey_file) *SSL_CTX_use_PrivateKey_file;
    __typeof__(SSL_new) *SSL_new;
    __typeof__(SSL_free) *SSL_free;
    __typeof__(SSL_ctrl) *SSL_ctrl;
    __typeof__(SSL_set_bio) *SSL_set_bio;
    __typeof__(SSL_set_connect_state) *SSL_set_connect_state;
    __typeof__(SSL_set1_host) *SSL_set1_host;
    __typeof__(SSL_get0_param) *SSL_get0_param;
    __typeof__(SSL_do_handshake) *SSL_do_handshake;
    __typeof__(SSL_read_ex) *SSL_read_ex;
    __typeof__(SSL_write_ex) *SSL_write_ex;
    __typeof__(SSL_get_error) *SSL_get_error;
    __typeof__(SSL_get_verify_result) *SSL_get_verify_result;
};

/* Any thread; blocks. The library stays loaded until the process ends. FAILED_PRECONDITION when it
 * is not installed. */
struct status tls_library_load(struct arena *arena, const struct tls_library **ret_library);

#endif
