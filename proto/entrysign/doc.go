// Package entrysign signs entries of the posture log and verifies them. It needs the standard library only.
//
// The header [proto.HeaderSignature] of an entry holds a detached JWS (RFC 7515 appendix F) in compact form, over the
// payload as published (RFC 7797, b64=false):
//
//	BASE64URL(protected header) ".." BASE64URL(signature)
//	signing input: BASE64URL(protected header) "." payload
//
// The algorithm is Ed25519 (EdDSA, RFC 8037). The protected header ([Header]) binds the payload to its subject, its
// tick, its schema, the other headers of Plumbline, and the page's previous entry. The entries of a page therefore form
// a chain: an entry that was moved, dropped, reordered, replayed or forged does not fit ([Chain]).
package entrysign
