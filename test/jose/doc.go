// Package jose tests that PyJWT, a public JOSE library in another language, accepts application tokens with the keys
// of the certs endpoint, while signing keys rotate.
//
// It needs Python with PyJWT (Debian: python3-jwt) and is therefore behind a build tag:
//
//	go test -tags jose -v ./jose
//
// A new key signs only after it has been published for a minute, so the test takes longer than this.
package jose
