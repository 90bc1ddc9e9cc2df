// Package accesslog writes authentications to ACCESS_LOG, aside from the decisions: a slow or absent NATS
// delays none. Equal ones of the same second become one message that says how many they were, so that a
// client with a thousand requests a second is one message a second and still counted in full.
package accesslog
