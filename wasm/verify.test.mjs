// Verifies samples with the WebAssembly module, in Node: what `strongroom attest verify` says of them natively. The paths
// come from `cargo xtask wasm`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const { instance } = await WebAssembly.instantiate(readFileSync(process.env.STRONGROOM_WASM));
const { answer, examine, memory, request } = instance.exports;

function verify(question) {
  const bytes = new TextEncoder().encode(JSON.stringify(question));
  const room = request(bytes.length);
  assert.notEqual(room, 0, "there is room for the request");
  new Uint8Array(memory.buffer, room, bytes.length).set(bytes);
  const length = examine();
  return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, answer(), length)));
}

const dcap = (name) => readFileSync(join(process.env.STRONGROOM_DCAP_SAMPLES, name));
const snp = (name) => readFileSync(join(process.env.STRONGROOM_SNP_SAMPLES, name));
const hex = (bytes) => bytes.toString("hex");

const tdx = {
  evidence: hex(dcap("tdx_quote")),
  endorsements: [hex(dcap("tdx_quote_collateral.json"))],
  at: 1751624191,
};

test("a TDX quote is accepted, with its TCB status", () => {
  const report = verify(tdx);
  assert.equal(report.verdict, "accepted", JSON.stringify(report, null, 1));
  assert.equal(report.platform, "tdx");
  assert.equal(report.tcb_status, "UpToDate");
  assert.deepEqual(report.advisories, []);
});

test("one flipped bit is refused for its signature", () => {
  const quote = dcap("tdx_quote");
  quote[200] ^= 1;
  const report = verify({ ...tdx, evidence: hex(quote) });
  assert.equal(report.verdict, "refused");
  assert.equal(report.first_failed_check, "signature");
});

test("collateral out of date is refused", () => {
  const report = verify({ ...tdx, at: 1756339200 });
  assert.equal(report.first_failed_check, "endorsements.expired");
});

test("report data is compared", () => {
  const given = verify(tdx).checks.find((check) => check.id === "binding");
  assert.equal(given.outcome, "not_applicable");
  const report = verify({ ...tdx, report_data: "00" });
  assert.equal(report.first_failed_check, "binding");
});

test("an SGX quote is refused by the strict policy, and accepted by one that names its status", () => {
  const sgx = {
    evidence: hex(dcap("sgx_quote")),
    endorsements: [hex(dcap("sgx_quote_collateral.json"))],
    at: 1751624924,
  };
  const report = verify(sgx);
  assert.equal(report.first_failed_check, "tcb.status");
  assert.equal(report.tcb_status, "ConfigurationAndSWHardeningNeeded");
  assert.deepEqual(report.advisories, ["INTEL-SA-00289", "INTEL-SA-00615"]);
  const exception = {
    check: "tcb.status",
    owner: "the operator",
    reason: "a trial",
    expires: "2030-01-01T00:00:00Z",
  };
  const policy = { format: "strongroom.policy.v1", evidence: [{ platform: "sgx", exceptions: [exception] }] };
  assert.equal(verify({ ...sgx, policy: JSON.stringify(policy) }).verdict, "accepted");
});

test("an SNP report is accepted with its certificates", () => {
  const milan = {
    evidence: snp("report_milan.hex").toString().trim(),
    endorsements: [hex(snp("vcek_milan.der")), hex(snp("cert_chain_milan"))],
    at: 1696032000,
  };
  const report = verify(milan);
  assert.equal(report.platform, "snp", JSON.stringify(report));
  assert.equal(report.verdict, "accepted", JSON.stringify(report, null, 1));
  const alone = verify({ ...milan, endorsements: [] });
  assert.equal(alone.verdict, "refused");
});

test("bytes of no platform and requests of no form are errors", () => {
  assert.match(verify({ evidence: "00", at: 0 }).error, /no platform/);
  assert.match(verify({ evidence: "zz", at: 0 }).error, /hexadecimal/);
  assert.match(verify({ nothing: 1 }).error, /request/);
  assert.equal(request(0xffffffff), 0);
});
