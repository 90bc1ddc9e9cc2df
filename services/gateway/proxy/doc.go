// Package proxy sends requests that were admitted to their application's origin, and what the origin answers
// to the client, as it comes: bodies are not kept, WebSocket and other upgrades pass, streams are flushed.
//
// The origin's URL is the operator's. Connections go to any address but those that package egress never
// calls and those of our own listeners; plain http goes to loopback and private addresses only.
package proxy
