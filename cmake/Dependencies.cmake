# SPDX-License-Identifier: Apache-2.0
# Every library that Argosy uses. All of them are Debian packages (bookworm or newer), found by
# pkg-config; tools/packages lists the packages' names for ./run and ./test.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)

# OpenSSL's headers, and of its libcrypto only what base/digest.c and base/str.c need, linked statically: the shared
# library costs every process 4 MB. store/redis loads libssl, which brings libcrypto, for a rediss:// URL.
pkg_check_modules(OPENSSL REQUIRED openssl>=3.0)
find_library(CRYPTO_LIBRARY libcrypto.a REQUIRED)

pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2>=1.52)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c>=1.4)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.40)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis>=0.14)
pkg_check_modules(ARGON2 REQUIRED IMPORTED_TARGET libargon2)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)

# Only libcurl's headers: http/https_library.c loads the library at run time, in processes that call
# external servers. Linking it would cost every process 4 MB.
pkg_check_modules(CURL REQUIRED libcurl>=7.85)

# Only libmongoc's headers: store/mongodb loads the library at run time, in processes whose store is on
# MongoDB.
pkg_check_modules(MONGOC REQUIRED libmongoc-1.0>=1.23)

# Likewise only libpq's headers: store/postgres/library.c loads it where a store has a postgres:// URL.
pkg_check_modules(PQ REQUIRED libpq>=14)

# Likewise only librdkafka's headers: store/kafka/library.c loads it where events go over Kafka.
pkg_check_modules(RDKAFKA REQUIRED rdkafka>=2.0)

# bcrypt hashes of the existing system are verified by libcrypt (libxcrypt).
find_library(CRYPT_LIBRARY crypt REQUIRED)

find_program(PROTOC protoc REQUIRED)
find_program(PROTOC_GEN_C protoc-gen-c REQUIRED)
