// SPDX-License-Identifier: Apache-2.0
// seed.js DATABASE PRODUCTS: makes a shop with our catalogue: the products of PRODUCTS (our JSON, one a line) with their
// variants and prices, plenty of each, one country, one way to ship and one to pay.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { LanguageCode, bootstrap } = require('@vendure/core');
const { populate } = require('@vendure/core/cli');
const { shopConfig } = require('./shop.js');

const initialData = {
  defaultLanguage: LanguageCode.en,
  defaultZone: 'Europe',
  countries: [{ name: 'Germany', code: 'DE', zone: 'Europe' }],
  taxRates: [{ name: 'Standard Tax', percentage: 0 }],
  shippingMethods: [{ name: 'Standard Shipping', price: 0 }],
  paymentMethods: [{
    name: 'Dummy Payment',
    handler: { code: 'dummy-payment-handler', arguments: [{ name: 'automaticSettle', value: 'false' }] },
  }],
  collections: [],
};

const columns = ['name', 'slug', 'description', 'assets', 'facets', 'optionGroups', 'optionValues', 'sku', 'price',
  'taxCategory', 'stockOnHand', 'trackInventory', 'variantAssets', 'variantFacets'];
const quoted = (text) => `"${String(text).replace(/"/g, '""')}"`;

// The rows of a product: a variant each; what is the product's own stands in the first.
function rows(product) {
  const options = (product.variants[0].options ?? []).map((option) => option.name).join('|');
  return product.variants.map((variant, i) => {
    const row = {
      sku: variant.sku,
      price: Number(variant.unit_amount) / 100,
      taxCategory: 'standard',
      stockOnHand: 1000000,
      trackInventory: 'true',
      optionValues: (variant.options ?? []).map((option) => option.value).join('|'),
    };
    if (i === 0) {
      row.name = product.name;
      row.slug = product.handle;
      row.description = product.description;
      row.facets = `category:${product.category}`;
      row.optionGroups = options;
    }
    return columns.map((column) => quoted(row[column] ?? '')).join(',');
  });
}

async function main() {
  const [database, source] = process.argv.slice(2);
  const products = fs.readFileSync(source, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const csv = path.join(path.dirname(database), 'products.csv');
  fs.writeFileSync(csv, [columns.join(','), ...products.flatMap(rows)].join('\n'));
  const app = await populate(() => bootstrap(shopConfig(path.resolve(database), 0)), initialData, csv);
  await app.close();
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
