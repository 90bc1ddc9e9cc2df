// Package external asks external evaluations about people (api/README.md 4.3): endpoints of an account's own
// that say yes or no to somebody's access, by rules of their own.
//
// An evaluation is one HTTP call. Its body is {"token": JWT}; the token is signed with the account's Access
// key, so that the endpoint can check it at /cdn-cgi/access/certs, and holds the identity and a nonce. The
// answer is {"token": JWT}, signed by an RSA key that the rule's keys URL publishes as a JWK set, RS256
// only. Its claims are success, iat, exp and the nonce of the question. These are the names that
// Cloudflare's documentation ("External Evaluation rules") and its example worker use.
//
// What an endpoint said is kept for a short time for the same identity, seen in the same circumstances.
// Whatever else happens (no answer, a signature or a nonce that is not right, too many questions at once, an
// endpoint that has failed again and again) says nothing about the rule, which then holds for nobody.
package external
