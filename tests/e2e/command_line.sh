#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The commands of argosy, with and without a running shop.
. "$(dirname "$0")/shop.sh"
cd "$work"
status=- body=-
start_shop

# Help, version, settings, routes, documents.
for command in '' serve routes config import export backup 'backup verify' restore 'store prepare' 'store check' 'stock check' 'payments reconcile' 'user create' 'user role' 'user list' 'events tail' 'dlq list' 'dlq show' 'dlq replay' healthcheck completion man version; do
  check "argosy $command --help" bash -c "'$ARGOSY' $command --help >help.out && grep -q Usage help.out"
  check "argosy $command --help fits into 80 columns" bash -c "! grep -E '.{81}' help.out"
done
for group in store stock payments user events dlq; do
  check "argosy $group --help lists its commands" bash -c "'$ARGOSY' $group --help | grep -q '^  $group [a-z]'"
  check "argosy $group alone says what may follow" bash -c "'$ARGOSY' $group 2>&1 >none.out | grep -q '^  $group [a-z]' && [ ! -s none.out ]"
  check "argosy $group is completed" bash -c "source <('$ARGOSY' completion bash); COMP_WORDS=(argosy $group '') COMP_CWORD=2; _argosy
    [ \"\${COMPREPLY[*]}\" = \"\$('$ARGOSY' $group --help | sed -n 's/^  $group \([a-z]*\) .*/\1/p' | paste -sd' ')\" ]"
done
check "argosy help COMMAND" bash -c "[ \"\$('$ARGOSY' help stock check)\" = \"\$('$ARGOSY' stock check --help)\" ]"
commands=('user list' 'user role ann@example.com admin' 'export nowhere.csv' 'stock check' 'events tail' 'dlq list' 'dlq show 1' 'dlq replay product')
[[ " ${services[*]} " != *" payment "* || " ${services[*]} " != *" bank "* ]] || commands+=('payments reconcile')
for command in "${commands[@]}"; do
  check "argosy $command makes no shop" bash -c "! ARGOSY_DATA_DIR=nowhere '$ARGOSY' $command >none.out 2>none.err && grep -q 'no shop in nowhere' none.err && [ ! -e nowhere ]"
done
check "a wrong second word is named" bash -c "'$ARGOSY' dlq burn 2>&1 | grep -q \"no command 'dlq burn'\""
check "version" bash -c "'$ARGOSY' version | grep -q '^argosy '"
check "config names a setting of each service" bash -c "'$ARGOSY' config | grep -c -E '^(CART_TTL|USER_LISTEN|AUTH_STORE|PRODUCT_URL|GATEWAY_LISTEN)=' | grep -qx 5"
check "config fits into 80 columns" bash -c "! '$ARGOSY' config | grep -E '^ .{80}'"
check "config hides secrets" bash -c "JWT_ACCESS_TOKEN_SECRET=0123456789abcdef0123456789abcdef '$ARGOSY' config | grep -v 0123456789abcdef | grep -q '^JWT_ACCESS_TOKEN_SECRET'"
check "routes" bash -c "'$ARGOSY' routes | grep -q '/products/{category}/{product_id}'"
check "options of a command that has others below it are completed" bash -c "source <('$ARGOSY' completion bash); COMP_WORDS=(argosy backup --) COMP_CWORD=2; _argosy; [[ \" \${COMPREPLY[*]} \" = *' --keep '* ]]"
check "completion" bash -c "source <('$ARGOSY' completion bash) && complete -p argosy >/dev/null"
check "man" bash -c "'$ARGOSY' man | grep -q '^.TH ARGOSY'"
check "healthcheck of a running shop" bash -c "'$ARGOSY' healthcheck $admin | grep -q ready"
check "healthcheck of nothing fails" bash -c "! '$ARGOSY' healthcheck 127.0.0.1:1 2>/dev/null"
check "an unknown command fails with 2" bash -c "'$ARGOSY' sail 2>/dev/null; [ \$? = 2 ]"
check "wrong settings are all named" bash -c "ARGOSY_SHARDS=x CART_TTL=y '$ARGOSY' routes 2>&1 | grep -c -E 'ARGOSY_SHARDS|CART_TTL' | grep -qx 2"
printf '_format_version: "3.0"\nservices:\n- name: a\n  url: argosy://cart\n  plugins:\n  - name: no-such-plugin\n' >bad.yml
check "an unknown plugin stops the start with its line" bash -c "GATEWAY_CONFIG=bad.yml '$ARGOSY' routes 2>&1 | grep -q 'bad.yml:6'"

# Error messages say what is wrong, and what to do.
refuses() { local message=$1; shift; "$@" >refused.out 2>&1; [ $? -ne 0 ] && grep -qF "$message" refused.out; }
touch file
alone=("$ARGOSY" serve --only "${services[0]}" --set ADMIN_LISTEN=off --set "${services[0]^^}_LISTEN=127.0.0.1:0" --set ARGOSY_DATA_DIR=elsewhere)
check "an unknown service" refuses "no service 'usr'; use gateway, " "$ARGOSY" serve --only usr
check "an unknown role in a list" refuses "no role 'king'; use customer, seller, " "$ARGOSY" user list --role king
check "a service's address" refuses "${services[0]^^}_URL: \`localhost:5001\` is not the address" "${alone[@]}" --set "${services[0]^^}_URL=localhost:5001"
check "a store without a file" refuses "_STORE=sqlite: names no file" "${alone[@]}" --set "${services[0]^^}_STORE=sqlite:"
check "a data directory that is a file" refuses "file is not a directory; set ARGOSY_DATA_DIR" "$ARGOSY" serve --set ARGOSY_DATA_DIR=file
check "a settings file that is missing" refuses "cannot read the settings file no.env" "$ARGOSY" serve --env-file no.env

# Stores that an operator prepares, and stores with an unknown scheme.
first=${services[0]}
check "an unprepared store is refused" bash -c "! STORE_PREPARE=0 ARGOSY_DATA_DIR=prepared '$ARGOSY' serve >none.out 2>none.err && grep -q 'argosy store prepare' none.err"
check "and not created" bash -c "! ls prepared/*.db >none.out 2>none.err"
for time in first second; do
  check "argosy store prepare, the $time time" bash -c "ARGOSY_DATA_DIR=prepared '$ARGOSY' store prepare >prepare.out && grep -c 'is prepared$' prepare.out | grep -qx ${#services[@]}"
done
mkdir logs
(export ARGOSY_DATA_DIR=$work/prepared STORE_PREPARE=0; work=$work/logs; start_single; kill "$(cat "$work/shop.pid")"; wait) >prepared.out
check "a prepared one is served: $(cat prepared.out)" [ ! -s prepared.out ]
check "argosy store prepare beside a running shop leaves it its stores" bash -c "'$ARGOSY' store prepare | grep -q \"^$first: left to the process that serves it\$\""
check "an unknown kind of store is refused without its password" bash -c "! env '${first^^}_STORE=mysql://ann:sesame@db/shop' '$ARGOSY' serve >none.out 2>none.err && grep -q 'mysql://ann:\*\*\*@db/shop.* in sqlite:' none.err && ! grep -q sesame none.err none.out"
check "config hides it too" bash -c "env '${first^^}_STORE=mysql://ann:sesame@db/shop' '$ARGOSY' config | grep -q '^${first^^}_STORE=mysql://ann:\*\*\*@db/shop$'"

# Imports while the shop runs are repeatable and exact, and name lines that are refused.
cat >shop.csv <<'CSV'
Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,Image Src
tea-pot,Tea Pot,"<p>Holds ""plenty""</p>",Pots,kitchen,"tea, clay",true,Size,Small,TP-S,shopify,4,19.99,https://example.com/1.jpg
tea-pot,,,,,,,,Large,TP-L,shopify,2,29.99,https://example.com/2.jpg
spoon,Spoon,,Pots,kitchen,,true,Title,Default Title,SP,,,1.50,
broken,Broken,,,kitchen,,true,Title,Default Title,BR,,,1.505,
CSV
url=()
[ "$FORM" = fleet ] && url=(PRODUCT_URL="grpc://$(address product product)")
check "a refused product makes the import fail" bash -c "! env ${url[*]} '$ARGOSY' import shop.csv >import.out 2>import.err"
check "its line is named" grep -q '^shop.csv:5:56: Variant Price .1.505. must have at most 2 decimals' import.err
check "the others are created" grep -q '2 created, 0 updated, 0 unchanged, 1 refused' import.out
sed -i '/^broken/d' shop.csv
check "a second time changes nothing" bash -c "env ${url[*]} '$ARGOSY' import shop.csv | grep -q '0 created, 0 updated, 2 unchanged, 0 refused'"
api GET '/products?category=kitchen&sort=name'
expect 200 '.products.total_count == 2' '.products.products[1].variants | length == 2' '.products.products[1].handle == "tea-pot"'
check "export" bash -c "env ${url[*]} '$ARGOSY' export out.csv | grep -q '2 products'"
check "stock check" bash -c "env ${url[*]} '$ARGOSY' stock check | grep -q ' 0 differences'"
check "what was exported imports as unchanged" bash -c "env ${url[*]} '$ARGOSY' import out.csv | grep -q '2 unchanged'"

# What another process imports is visible at once, every time.
for price in 1.00 2.00 3.00 4.00 5.00; do
  printf 'Handle,Title,Type,Variant Price\nmoving,Moving,prices,%s\n' "$price" >moving.csv
  env "${url[@]}" "$ARGOSY" import moving.csv >import.out
  api GET '/products?category=prices'
  id=$(value '.products.products[0].product_id')
  api GET "/products/prices/$id"; expect 200 ".product.product.price == $price"
done

# A product's own currency is exported and imported again.
make_account yuki seller
log_in yuki
api POST /products '{"name":"Tea","category":"yen","unit_amount":"1000","currency":"JPY"}'; expect 201
tea=$(value .product_data.product_id)
check "a second export" bash -c "env ${url[*]} '$ARGOSY' export out.csv >/dev/null"
check "imports as unchanged" bash -c "env ${url[*]} '$ARGOSY' import out.csv | grep -q ' 0 updated, 4 unchanged'"
api GET "/products/yen/$tea"; expect 200 '.product.product.unit_amount == "1000"' '.product.product.currency == "JPY"'
check "an export that can't be written fails" bash -c "! env ${url[*]} '$ARGOSY' export >/dev/full 2>/dev/null"
check "a wrong role makes no account" bash -c "! echo secret-x | env ${url[*]} '$ARGOSY' user create y@example.com --role king 2>/dev/null"
api POST /products '{"name":"KW","category":"yen","price":500000000,"currency":"KWD"}'; expect 400 '.error.field_violations[0].field == "price"'
jar=

# Accounts.
make_account root superAdmin
url=()
[ "$FORM" = fleet ] && url=(USER_URL="grpc://$(address user user)")
check "user role" bash -c "env ${url[*]} '$ARGOSY' user role root@example.com admin | grep -q 'is admin'"
check "user list" bash -c "env ${url[*]} '$ARGOSY' user list --role admin | grep -q root@example.com"
log_in root; expect 200

# Only one process at a time has a store open. A second one is refused with a message that names the first; commands find the
# first one by themselves, and call it.
owner=$([ "$FORM" = fleet ] && echo user || echo shop)
USER_LISTEN=127.0.0.1:0 ADMIN_LISTEN=off timeout 10 "$ARGOSY" serve --only user 2>second.err
check "a second process is refused" [ $? -eq 1 ]
check "with a message that names the first" \
  grep -q "in use by process $(cat "$work/$owner.pid"), which serves it on $(address $owner user);" second.err
served() { curl -s "http://$(address $owner admin)/metrics" | grep '^argosy_rpc.*_total.*GetCustomers' | awk '{ n += $NF } END { print n + 0 }'; }
before=$(served)
check "a command asks the first one" bash -c "'$ARGOSY' user list --role admin | grep -q root@example.com"
check "which has done the work" [ "$(served)" -gt "$before" ]

# SIGTERM drains; further signals only make it faster, up to the very end.
name=$([ "$FORM" = fleet ] && echo gateway || echo shop)
pid=$(cat "$work/$name.pid")
while kill "$pid" 2>/dev/null && [ "$(ps -o stat= -p "$pid" | cut -c1)" != Z ]; do :; done
stop_shop
check "it stopped in good order" grep -q '"stopped"' "$work/$name.log"

# The lock of a killed process does not keep others out.
start killed USER_LISTEN=127.0.0.1:0 ADMIN_LISTEN=off -- --only user
kill -9 "$(cat "$work/killed.pid")"; wait "$(cat "$work/killed.pid")" 2>/dev/null; pids=()
check "a killed process leaves no lock" bash -c "'$ARGOSY' user list --role admin | grep -q root@example.com"
start after USER_LISTEN=127.0.0.1:0 ADMIN_LISTEN=off -- --only user
