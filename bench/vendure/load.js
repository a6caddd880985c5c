// SPDX-License-Identifier: Apache-2.0
// load.js ADDRESS CONNECTIONS WARM_UP_SECONDS SECONDS: whole checkouts over the shop API, each of them the seven calls that
// a guest makes, from the first item to the payment. Prints "RESULT checkouts, a second, p50 ms, p99 ms, errors" of those
// that ended after the warm-up and in time, then "ORDERS" and how many were paid in all.
'use strict';
const http = require('node:http');

const [address] = process.argv.slice(2);
const [connections, warmUpSeconds, seconds] = process.argv.slice(3).map(Number);
const [host, port] = address.split(':');

const order = '__typename ... on Order { code state } ... on ErrorResult { errorCode message }';
const calls = {
  list: 'query { products(options: { take: 64 }) { items { variants { id } } } }',
  add: `mutation ($id: ID!) { addItemToOrder(productVariantId: $id, quantity: 1) { ${order} } }`,
  customer: `mutation ($input: CreateCustomerInput!) { setCustomerForOrder(input: $input) { ${order} } }`,
  address: `mutation ($input: CreateAddressInput!) { setOrderShippingAddress(input: $input) { ${order} } }`,
  methods: 'query { eligibleShippingMethods { id } }',
  ship: `mutation ($id: [ID!]!) { setOrderShippingMethod(shippingMethodId: $id) { ${order} } }`,
  arrange: `mutation { transitionOrderToState(state: "ArrangingPayment") { ${order} } }`,
  pay: `mutation ($input: PaymentInput!) { addPaymentToOrder(input: $input) { ${order} } }`,
};

// A guest with a connection of their own; the session's token comes with the first answer.
class Shopper {
  constructor(number) {
    this.number = number;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.token = '';
  }

  call(query, variables = {}) {
    const body = JSON.stringify({ query, variables });
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    return new Promise((resolve, reject) => {
      const request = http.request({ host, port, path: '/shop-api', method: 'POST', agent: this.agent, headers });
      request.on('error', reject);
      request.on('response', (response) => {
        this.token = response.headers['vendure-auth-token'] ?? this.token;
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const answer = JSON.parse(Buffer.concat(parts).toString());
          if (answer.errors) reject(new Error(answer.errors[0].message));
          else resolve(Object.values(answer.data)[0]);
        });
      });
      request.end(body);
    });
  }

  // A call that changes the order, which must then be in this state.
  async step(query, variables, state) {
    const answer = await this.call(query, variables);
    if (answer.state !== state) throw new Error(`${answer.errorCode ?? answer.state}: ${answer.message ?? query}`);
  }

  async checkout(variant) {
    const email = `guest${this.number}@example.com`;
    await this.step(calls.add, { id: variant }, 'AddingItems');
    await this.step(calls.customer, { input: { firstName: 'A', lastName: 'Guest', emailAddress: email } }, 'AddingItems');
    await this.step(calls.address, { input: { streetLine1: 'Street 1', city: 'Berlin', postalCode: '10115', countryCode: 'DE' } },
      'AddingItems');
    const methods = await this.call(calls.methods);
    await this.step(calls.ship, { id: [methods[0].id] }, 'AddingItems');
    await this.step(calls.arrange, {}, 'ArrangingPayment');
    await this.step(calls.pay, { input: { method: 'dummy-payment', metadata: {} } }, 'PaymentAuthorized');
  }
}

async function main() {
  const list = await new Shopper(-1).call(calls.list);
  const variants = list.items.map((product) => product.variants[0].id);
  const took = [];
  let errors = 0, paid = 0, turn = 0;

  const begin = performance.now() + warmUpSeconds * 1000;
  const end = begin + seconds * 1000;
  const inTime = (moment) => moment > begin && moment <= end;
  await Promise.all(Array.from({ length: connections }, async (_, number) => {
    let shopper = new Shopper(number);
    while (performance.now() < end) {
      const started = performance.now();
      try {
        await shopper.checkout(variants[turn++ % variants.length]);
        paid++;
        if (inTime(performance.now())) took.push(performance.now() - started);
      } catch (error) {
        if (errors++ === 0) console.error(`vendure: ${error.message}`);
        shopper = new Shopper(number);
      }
    }
  }));
  took.sort((a, b) => a - b);
  const percentile = (p) => (took[Math.floor(took.length * p)] ?? 0).toFixed(3);
  console.log(`RESULT ${took.length} ${(took.length / seconds).toFixed(1)} ${percentile(0.5)} ${percentile(0.99)} ${errors}`);
  console.log(`ORDERS ${paid}`);
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
