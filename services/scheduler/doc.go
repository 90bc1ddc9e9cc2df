// Package scheduler is the service that works out when each integration is due, and publishes the tick. It
// needs no leader: any number of schedulers look at an integration's newest tick and publish the next with
// its sequence as the expected last one, so that the server takes one of them and refuses the others.
//
// Time is cut into slots, of an interval each, that begin at the integration's phase: a due poll is a slot
// that has begun and whose tick is not there. Whoever starts late, or again, makes up one tick and no
// backlog. "Now" is always the server's now: a scheduler whose own clock is wrong says so, and is right
// nevertheless.
package scheduler
