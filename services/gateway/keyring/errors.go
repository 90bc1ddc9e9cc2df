package keyring

import "errors"

// Why a token is not taken. Each is about the token alone; none of their texts holds a part of it.
var (
	ErrMalformed    = errors.New("not a token of the form that the exchange writes")
	ErrAlgorithm    = errors.New("the token is not signed with RS256")
	ErrUnknownKey   = errors.New("the token's key is none of the exchange's")
	ErrBadSignature = errors.New("the token's signature is not right")
	ErrIssuer       = errors.New("the token was issued by somebody else")
	ErrAudience     = errors.New("the token is for another application")
	ErrType         = errors.New("the token is of another type")
	ErrExpired      = errors.New("the token has expired")
	ErrNotYet       = errors.New("the token is not valid yet")
)

// Why nothing can be said, or obtained, now.
var (
	// ErrNoKeys is before the first answer of the exchange.
	ErrNoKeys = errors.New("the exchange's public keys are not known yet")
	// ErrUnavailable wraps what kept the exchange's answer away.
	ErrUnavailable = errors.New("the exchange does not answer")
	// ErrBudget is when more statements are asked for than may be.
	ErrBudget = errors.New("too many statements are asked for")
)
