// Sign what is on standard input as Stripe's own library does for tests; prints the header.
import { readFileSync } from "node:fs";
import Stripe from "stripe";

const stripe = new Stripe("sk_test_unused");
const payload = readFileSync(0, "utf8");
console.log(stripe.webhooks.generateTestHeaderString({ payload, secret: process.env.SECRET }));
