"""Holds the rows of the security probe against what pushgateway-proxy promises (docs/gate.md). Called by scripts/conformance."""

import re
import sys

EXPECTED = {
    "good password": "200", "no Authorization": "401", "wrong password": "401", "unknown user": "401", "empty password": "401",
    "empty user": "401", "no colon": "401", "not base64": "401", "scheme Bearer": "401", "scheme in capitals": "200",
    "scheme and no value": "401", "two blanks after the scheme": "200", "base64 without padding": "200",
    "NUL in the password": "401", "password of 8,000 bytes": "401", "two Authorization headers (bad, good)": "400",
    "no auth + Expect: 100-continue + 50 MB": "401 +100 Continue first: False", "ip": "error.*ACCESS_DENIED",
    "plain HTTP to the TLS port": "400", "64 NUL bytes to the TLS port": "no response",
    "openssl s_client -tls1": "refused", "openssl s_client -tls1_1": "refused", "openssl s_client -tls1_2": "accepted",
    "openssl s_client -tls1_3": "accepted", "ALPN offered h2,http/1.1": "http/1.1", "body of 900 KiB": "200",
    "Content-Length of 10^18, no body": "413", "one header of 7000 bytes": "200", "one header of 40000 bytes": "431",
    "100 headers of 100 bytes": "200", "1,000 headers of 100 bytes": "431", "path of 7000 bytes": "200", "path of 9000 bytes": "414",
    "path of 40000 bytes": "4(14|31)", "Content-Length and Transfer-Encoding": "400", "two different Content-Length": "400", "two equal Content-Length": "400",
    "Content-Length +4": "400", "Content-Length 0x4": "400", "Transfer-Encoding: gzip, chunked": "501",
    "Transfer-Encoding: xchunked": "(400|501)", "bad chunk size": "400", "chunk size of 2^64": "400",
    "blank before the header colon": "400", "folded header line": "400", "NUL in a header value": "400", "no Host header": "400",
    "two Host headers": "400", "Host with a blank": "400", "junk instead of a request": "400", "%00 in the path": "400",
    "raw control byte in the path": "400", "blank in the path": "400", "%zz in the path": "400",
    "/metrics/../api/v1/admin/wipe with PUT": "404", "//metrics/job/x": "404", "pipelined second request without auth": "2 answers +200 401",
    "slow headers, 1 header a second": r"closed 2\.", "headers begun, then silence": r"closed 2\.", "nothing after the TLS handshake": r"closed 2\.",
    "slow body, 1 byte a second": r"closed 2\.\d s +408", "body begun, then silence": r"closed 2\.\d s +408", "slow body without auth": r"closed 0\.\d s +401",
    "TLS handshake begun, then silence": r"closed 2\.", "a push beside 500 idle TLS connections": "200",
}

rows = {}
for line in open(sys.argv[1]):
    name, rest = line[:52].rstrip(), line[53:].rstrip()
    rows.setdefault(name, rest)
wrong = ["%s: %r, not %r" % (name, rows.get(name), expected) for name, expected in EXPECTED.items() if not re.match(expected, rows.get(name, ""))]

# Whether there is such a user must not be seen in the time: in a debug build on a busy machine only a factor can be told.
milliseconds = {name: float(re.search(r"([\d.]+) ms", rows["time: " + name]).group(1)) for name in ("wrong password", "unknown user")}
if not 0.3 < milliseconds["wrong password"] / milliseconds["unknown user"] < 3:
    wrong.append("a wrong password took %(wrong password).1f ms and an unknown user %(unknown user).1f ms" % milliseconds)
print("\n".join(wrong))
print("%d rows passed, %d failed" % (len(EXPECTED) + 1 - len(wrong), len(wrong)))
sys.exit(bool(wrong))
