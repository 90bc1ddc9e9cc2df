// Package jose holds the test that a public JOSE library in another language, PyJWT, accepts the
// application tokens by the certs endpoint, while signing keys rotate.
//
// It needs Python with PyJWT (Debian: python3-jwt) and is therefore behind a build tag:
//
//	go test -tags jose -v ./jose
//
// A next key signs when it has been published for a minute, so the test takes longer than that.
package jose
