// Package external runs external evaluations (api/README.md 4.3): endpoints of an account's own that allow or deny a
// person by their own rules.
//
// An evaluation is one HTTP call. Its body is {"token": JWT}; the token contains the identity and a nonce, and is
// signed with the account's Access key, so that the endpoint can verify it at /cdn-cgi/access/certs. The answer is
// {"token": JWT}, signed with RS256 by an RSA key from the JWK set at the rule's keys URL. Its claims are success,
// iat, exp and the nonce of the question. Cloudflare's documentation ("External Evaluation rules") and its example
// worker use these names.
//
// An answer is cached for a short time for the same identity and circumstances. Any failure (no answer, a bad
// signature or nonce, too many questions, an endpoint that keeps failing) leaves the rule unknown, and an unknown
// rule never admits.
package external
