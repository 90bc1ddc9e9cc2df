"""Verifies application tokens as an origin would: python3 verify.py CERTS-URL ISSUER

Reads lines of an AUD and a token, and answers each with "ok KID" or "refused WHY".
"""

import sys

import jwt

certs, issuer = sys.argv[1:]
keys = jwt.PyJWKClient(certs)

for line in sys.stdin:
    audience, token = line.split()
    try:
        key = keys.get_signing_key_from_jwt(token)
        jwt.decode(token, key.key, algorithms=["RS256"], audience=audience, issuer=issuer,
                   options={"require": ["exp", "iat", "iss", "aud"]})
        print("ok", key.key_id, flush=True)
    except Exception as e:
        print("refused", repr(e), flush=True)
