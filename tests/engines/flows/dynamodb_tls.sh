#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The driver of DynamoDB over TLS, to DynamoDB Local behind a server that ends the TLS: with the authority that signed its
# certificate everything works, whether the URL or AWS's environment names the endpoint; with another one the server counts
# as unreachable, and the operator is told why.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ -n "${ARGOSY_TEST_DYNAMODB:-}" ] || { echo "skipped: ARGOSY_TEST_DYNAMODB is not set; tests/engines/run starts the engine"; exit 0; }
test=$(dirname "${ARGOSY:-$root/build/release/argosy}")/tests/dynamodb_test
host=${ARGOSY_TEST_DYNAMODB#dynamodb://}
host=${host%%/*}

certificates=$(mktemp -d)
. "$root/tests/engines/certificates.sh"
server=
finish() {
  [ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null || true
  rm -rf "$certificates"
}
trap finish EXIT
make_authority ours
make_authority other
issue ours server localhost IP:127.0.0.1

port=$("$root/tests/free_ports")
python3 - "$certificates" "$port" "${host##*:}" <<'PYTHON' &
import asyncio, ssl, sys
folder, port, target = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/server.crt", f"{folder}/server.key")

async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

async def serve(reader, writer):
    there, back = await asyncio.open_connection("127.0.0.1", target)
    await asyncio.gather(copy(reader, back), copy(there, writer))

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=context)
    await server.serve_forever()

asyncio.run(main())
PYTHON
server=$!
for _ in {1..200}; do
  ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  sleep 0.1
done

# run URL TEST...: the tests with these names on a store with this URL.
run() {
  local url=$1
  shift
  ARGOSY_TEST_DYNAMODB=$url "$test" "$@"
}

run "dynamodb://127.0.0.1:$port/?region=us-east-1&cafile=$certificates/ours.crt" values_of_every_kind as_many_buyers opening
AWS_ENDPOINT_URL_DYNAMODB=https://127.0.0.1:$port AWS_REGION=us-east-1 \
  run "dynamodb:///?cafile=$certificates/ours.crt" values_of_every_kind
if run "dynamodb://127.0.0.1:$port/?region=us-east-1&cafile=$certificates/other.crt" opening >"$certificates/log"; then
  echo "FAIL: a certificate of another authority was accepted"
  exit 1
fi
grep -q 'SSL certificate problem' "$certificates/log" || { cat "$certificates/log"; echo "FAIL: the operator was not told why"; exit 1; }
echo "passed"
