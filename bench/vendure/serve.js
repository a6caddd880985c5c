// SPDX-License-Identifier: Apache-2.0
// serve.js DATABASE: serves the shop on a free port of loopback and prints its address.
'use strict';
const { JobQueueService, bootstrap } = require('@vendure/core');
const { shopConfig } = require('./shop.js');

async function main() {
  const app = await bootstrap(shopConfig(process.argv[2], 0));
  // What orders leave to be done later is done here too.
  await app.get(JobQueueService).start();
  console.log(`127.0.0.1:${app.getHttpServer().address().port}`);
  process.on('SIGTERM', () => process.exit(0));
}

main().catch((error) => { console.error(error); process.exit(1); });
