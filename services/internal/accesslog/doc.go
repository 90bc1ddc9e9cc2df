// Package accesslog writes authentications to ACCESS_LOG, independently of the decisions: a slow or absent NATS
// delays none. Equal authentications within a second become one message with a count, so a client with a thousand
// requests a second causes one message a second.
package accesslog
