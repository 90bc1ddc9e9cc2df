// Package standardwebhook signs and verifies messages as Standard Webhooks 1.0.0 defines it.
//
// A signature covers the message's id, the time of the attempt and the body, so a copy of a message with another time
// or body does not verify. During a rotation a message has one signature for each secret, and a receiver accepts it
// with either secret.
package standardwebhook
