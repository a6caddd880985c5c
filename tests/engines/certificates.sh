# SPDX-License-Identifier: Apache-2.0
# Sourced by flows: makes certificates with elliptic keys, good for two days, in the folder $certificates.

# make_authority NAME: NAME.crt and NAME.key.
make_authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
    -keyout "$certificates/$1.key" -out "$certificates/$1.crt" 2>/dev/null
}

# issue AUTHORITY NAME COMMON-NAME ALTERNATIVE-NAMES [DAYS]: NAME.crt, NAME.key and, with both, NAME.pem.
issue() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$3" \
    -keyout "$certificates/$2.key" -out "$certificates/$2.csr" 2>/dev/null
  openssl x509 -req -in "$certificates/$2.csr" -CA "$certificates/$1.crt" -CAkey "$certificates/$1.key" -CAcreateserial \
    -days "${5:-2}" -extfile <(echo "subjectAltName=$4") -out "$certificates/$2.crt" 2>/dev/null
  cat "$certificates/$2.crt" "$certificates/$2.key" >"$certificates/$2.pem"
}
