// SPDX-License-Identifier: Apache-2.0
/** One action: a quote's tax and total, from what it is worth, its discount and the tax setting. */
import * as mc from "../../../../sdk/assemblyscript/metacore";
export { alloc } from "../../../../sdk/assemblyscript/metacore";

function decline(code: string, message: string): u64 {
  return mc.answer(
    '{"success":false,"error":{"code":' + mc.quote(code) + ',"message":' + mc.quote(message) + "}}");
}

/** Cents of a share, rounded half up. */
function share(cents: i64, percent: i64): i64 {
  return (cents * percent + 50) / 100;
}

export function calculate(at: usize, len: i32): u64 {
  const input = mc.text(at, len);
  const row = mc.find(input, "row");
  const net = mc.find(row, "net_cents");
  const percent = mc.setting("tax_percent");

  // A quote without a value is a mistake of whoever made it: the message goes to the log.
  assert(net != "null", "quote of " + mc.find(row, "customer") + " has no value");
  if (I64.parseInt(net) < 0) return decline("negative", "a quote is worth something");

  const cents = I64.parseInt(net);
  const discounted = cents - share(cents, I64.parseInt(mc.find(row, "discount_percent")));
  const tax = share(discounted, I64.parseInt(percent));
  const note = "tax of " + percent + " % on " + discounted.toString();
  const done = mc.mutate(
    '{"op":"update","table":"quotes","id":' + mc.find(row, "id") + ',"data":{"tax_cents":' +
    tax.toString() + ',"total_cents":' + (discounted + tax).toString() + ',"note":' +
    mc.quote(note) + "}}");

  if (mc.find(done, "success") != "true") return mc.answer(done);
  return mc.answer('{"success":true,"data":' + mc.find(mc.find(done, "data"), "row") + "}");
}
