package keycache

import "errors"

// Reasons for rejecting a token. Their texts contain no part of it.
var (
	ErrMalformed    = errors.New("not a token in the form of the exchange")
	ErrAlgorithm    = errors.New("the token is not signed with RS256")
	ErrUnknownKey   = errors.New("the token's key is unknown to the exchange")
	ErrBadSignature = errors.New("the token's signature is invalid")
	ErrIssuer       = errors.New("the token has another issuer")
	ErrAudience     = errors.New("the token is for another application")
	ErrType         = errors.New("the token is of another type")
	ErrExpired      = errors.New("the token has expired")
	ErrNotYet       = errors.New("the token is not valid yet")
)

// Reasons for not having an answer now.
var (
	// ErrNoKeys is returned before the exchange's first reply.
	ErrNoKeys = errors.New("the exchange's public keys are not known yet")
	// ErrUnavailable wraps the failure of a request to the exchange.
	ErrUnavailable = errors.New("the exchange does not reply")
	// ErrBudget is returned if statements are requested too often.
	ErrBudget = errors.New("too many requests for statements")
)
