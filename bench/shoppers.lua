-- SPDX-License-Identifier: Apache-2.0
-- For wrk: many shoppers, each with a cart of their own. Arguments: what they do (add, or mix), a file of access tokens
-- and a file of products ("category product_id"), one a line each.
--
-- add puts one piece after the other into the carts. mix is what a shop sees: mostly looking at products, some lists
-- and searches, and carts that are filled, read and cleared.
--
-- All requests are made before the first is sent: building text would cost the load generator more than the server.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local thread_count = 0

function setup(thread)
  thread:set("first", thread_count)
  thread_count = thread_count + 1
end

local requests, position = {}, 0

local function lines(path)
  local all = {}
  for line in io.lines(path) do all[#all + 1] = line end
  return all
end

local function headers(token)
  return { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token }
end

local function add_to_cart(token, product)
  local category, id = product:match("(%S+) (%S+)")
  local body = string.format('{"category":"%s","product_id":"%s","quantity":1}', category, id)
  return wrk.format("POST", "/cart/add", headers(token), body)
end

local function look(product) return wrk.format("GET", "/products/" .. product:gsub(" ", "/")) end

-- One shopper's visit: what they look at, what they take, and an empty cart for the next visit.
local function visit(token, products, from)
  local function product(n) return products[(from + n) % #products + 1] end
  for n = 1, 20 do requests[#requests + 1] = look(product(n)) end
  local category = product(1):match("%S+")
  requests[#requests + 1] = wrk.format("GET", "/products?page_size=20&category=" .. category)
  requests[#requests + 1] = wrk.format("GET", "/products?page_size=20&search=harbour")
  for n = 1, 3 do requests[#requests + 1] = add_to_cart(token, product(n)) end
  requests[#requests + 1] = wrk.format("GET", "/cart", headers(token))
  requests[#requests + 1] = wrk.format("DELETE", "/cart/clear", headers(token))
end

function init(args)
  local tokens, products = lines(args[2]), lines(args[3])
  if args[1] == "mix" then
    for n, token in ipairs(tokens) do visit(token, products, n * 7) end
  else
    -- Four lines in everybody's cart, so that no quantity reaches the cart's limit.
    for line = 1, 4 do
      for _, token in ipairs(tokens) do requests[#requests + 1] = add_to_cart(token, products[line]) end
    end
  end
  position = first * math.floor(#requests / 2)
end

function request()
  position = position % #requests + 1
  return requests[position]
end
