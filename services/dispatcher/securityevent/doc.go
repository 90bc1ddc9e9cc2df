// Package securityevent makes the security event tokens (RFC 8417) of OpenID Shared Signals 1.0 streams: CAEP
// device-compliance-change for changed outcomes, and verification and stream-updated for the stream itself.
//
// All functions are pure. The same message always gives the same tokens with the same jti, iat and txn, so a receiver
// recognizes a token that it gets again. A token has exactly one event, and neither sub nor exp: it cannot be taken for
// an ID token or an access token, and its header has the type secevent+jwt.
//
// A stream's event is about one check. CAEP has no word for an unknown outcome: it is not sent, or, if the stream is
// set so, it is sent as not-compliant after a result expired. After an unknown outcome, or none, previous_status is the
// opposite of current_status: the receiver may believe either, and a receiver that acts on changes must act.
package securityevent
