// Package attack attacks a running gateway, the built binary, over raw sockets: requests net/http's client would not
// send are written byte by byte. Each test checks the response, and the bytes received by the origin.
//
// All tests share one installation. After the last test, everything received by the origin is checked again: each
// request carries an application token of its application, or belongs to the public application; and none contains a
// secret.
package attack
