// SPDX-License-Identifier: Apache-2.0
// The configuration of the Vendure shop: SQLite, loopback, its own payment handler for tests, which authorizes. What
// costs time and is not asked of us either is left out: no assets, no search index, no e-mail, no admin pages.
'use strict';
const { DefaultLogger, LogLevel, dummyPaymentHandler } = require('@vendure/core');

// shopConfig(database file, port; 0 for one that is free)
exports.shopConfig = (database, port) => ({
  apiOptions: { hostname: '127.0.0.1', port, shopApiPath: 'shop-api', adminApiPath: 'admin-api' },
  authOptions: {
    tokenMethod: ['bearer'],
    requireVerification: false,
    superadminCredentials: { identifier: 'superadmin', password: 'superadmin' },
    cookieOptions: { secret: 'bench' },
  },
  // The write-ahead log, as we have it; with SQLite's default for it, which syncs less than ours does.
  dbConnectionOptions: {
    type: 'better-sqlite3', database, enableWAL: true, synchronize: true, logging: false, timeout: 10000,
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  logger: new DefaultLogger({ level: LogLevel.Error }),
  plugins: [],
});
