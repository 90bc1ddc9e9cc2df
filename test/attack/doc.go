// Package attack holds attacks on a running gateway, the built binary, over sockets of its own: what
// net/http's client would not send is written byte by byte. Each test looks at the answer and at what
// arrived at the origin, which keeps every byte that it is sent.
//
// One installation serves all tests. When they are done, everything that ever arrived at the origin is
// looked at once more: it carries an application token of its application, or belongs to the one that is
// open to everybody; and no secret is in it.
package attack
