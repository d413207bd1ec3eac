import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeControls, maskSecrets } from "../../../src/main/log/secrets.ts";

test("E-70 secret query values are masked, others stay", () => {
  for (const [text, masked] of [
    ["rtmp://h/live/s?token=abc&x=1", "rtmp://h/live/s?token=***&x=1"],
    ["?secret=a/b", "?secret=***"],
    [
      "sign=1&auth=2&password=3&pass=4&pwd=5&st=6&jwt=7&key=8",
      "sign=***&auth=***&password=***&pass=***&pwd=***&st=***&jwt=***&key=***",
    ],
    ["?txSecret=1&txTime=2", "?txSecret=***&txTime=2"],
    [
      "?access_token=1&auth_key=2&X-Amz-Signature=3&streamKey=4",
      "?access_token=***&auth_key=***&X-Amz-Signature=***&streamKey=***",
    ],
    ["?%74oken=abc&TOKEN=d", "?%74oken=***&TOKEN=***"],
    ["?vhost=a&start=5&stream=x", "?vhost=a&start=5&stream=x"],
    ["?token=", "?token="],
    ["play a?token=b then", "play a?token=*** then"],
    ["plain text", "plain text"],
  ]) {
    assert.equal(maskSecrets(text ?? ""), masked);
  }
});

test("B-46 E-70 user and password of a URL are masked", () => {
  assert.equal(maskSecrets("rtmp://user:pa@ss@host/live"), "rtmp://***@host/live");
  assert.equal(maskSecrets("rtmp://host/live@home"), "rtmp://host/live@home");
});

test("masking long hostile text ends", { timeout: 2000 }, () => {
  maskSecrets("a".repeat(200_000));
  maskSecrets("=&".repeat(100_000));
  maskSecrets("token".repeat(40_000));
  maskSecrets(`x=${"://".repeat(20_000)}`);
  maskSecrets("%74".repeat(50_000));
});

test("A8-02 E-72 what could forge a line or drive a terminal is written out", () => {
  assert.equal(escapeControls("a\r\n[x]\tb\\"), "a\\r\\n[x]\\tb\\\\");
  assert.equal(escapeControls("\u0000\u001b[31m\u007f\u009b"), "\\u0000\\u001b[31m\\u007f\\u009b");
  assert.equal(escapeControls("\u2028\u2029\u202e\ufeff"), "\\u2028\\u2029\\u202e\\ufeff");
  assert.equal(escapeControls("\ud800x"), "\\ud800x");
  assert.equal(escapeControls("直播 é 😀"), "直播 é 😀");
});
