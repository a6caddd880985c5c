/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 by OpenSSL, with one context per thread that is made at its first use. */
#include "base/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/status.h"

static EVP_MAC *algorithm;
static pthread_key_t context_key; /* EVP_MAC_CTX of this thread */
static pthread_once_t set_up = PTHREAD_ONCE_INIT;

static void free_context(void *context)
{
    EVP_MAC_CTX_free(context);
}

static void set_up_once(void)
{
    algorithm = EVP_MAC_fetch(0, "HMAC", 0);
    invariant(algorithm != 0);
    invariant(pthread_key_create(&context_key, free_context) == 0);
}

static EVP_MAC_CTX *new_context(void)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(algorithm);

    invariant(context && EVP_MAC_CTX_set_params(context, params));
    invariant(pthread_setspecific(context_key, context) == 0);
    return context;
}

void hmac_sha256(struct str key, struct str data, uint8_t ret_mac[HMAC_SHA256_SIZE])
{
    size_t size;

    invariant(key.length > 0);
    pthread_once(&set_up, set_up_once);
    EVP_MAC_CTX *context = pthread_getspecific(context_key);
    if (!context) context = new_context();
    invariant(EVP_MAC_init(context, (const uint8_t *)key.data, key.length, 0));
    invariant(EVP_MAC_update(context, (const uint8_t *)data.data, data.length));
    invariant(EVP_MAC_final(context, ret_mac, &size, HMAC_SHA256_SIZE));
    invariant(size == HMAC_SHA256_SIZE);
}
