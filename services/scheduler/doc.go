// Package scheduler is the service that determines when each integration is due, and publishes the tick. It needs no
// leader: any number of schedulers read an integration's newest tick and publish the next with its sequence as the
// expected last one, so the server accepts one of them and rejects the others.
//
// Time is divided into slots of one interval each, from the integration's phase on: a poll is due if a slot has begun
// and has no tick. A scheduler that starts late, or again, makes up one tick and no backlog. "Now" is always the
// server's now: a scheduler with a wrong clock reports it, and still works correctly.
package scheduler
