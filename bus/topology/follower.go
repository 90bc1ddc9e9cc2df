package topology

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var followerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// What followers may have at the same time on all servers of a cluster, so that they cannot use up the servers' memory
// with subscriptions.
const (
	MaxFollowerConnections   = 1000 // of all followers together
	MaxFollowerSubscriptions = 1000 // of one connection
)

// CheckFollowerName returns an error if name cannot be a follower's.
func CheckFollowerName(name string) error {
	if !followerName.MatchString(name) || strings.HasPrefix(name, FollowPrefix) {
		return fmt.Errorf("follower name %q: use up to 32 letters, digits, - and _, not beginning with %s", name, FollowPrefix)
	}
	return nil
}

// FollowerConsumer is the consumer that keeps a follower's position.
func FollowerConsumer(name string) string { return FollowPrefix + name }

// FollowerConsumers are the names of all consumers that a follower may make, on each of [Mirrors].
func FollowerConsumers(name string) []string { return []string{name, FollowerConsumer(name)} }

// FollowerInbox is what begins a follower's inboxes. No follower may listen on another's.
func FollowerInbox(name string) string { return "_INBOX_" + name }

// FollowerPermissions are what a follower may do: read the copies of the log and of the state, and manage consumers
// on them that have its own name, with or without [FollowPrefix]. NATS has no permission for a part of a name, so that
// a follower has one position with the server; more than one needs more than one follower.
func FollowerPermissions(name string) Permissions {
	var pub []string
	for _, consumer := range FollowerConsumers(name) {
		pub = append(pub, followerCalls(consumer)...)
	}
	sub := []string{FollowerInbox(name) + ".>"}
	for _, s := range mirrored() {
		sub = append(sub, Bell(s, ">"))
	}
	slices.Sort(pub)
	return Permissions{Publish: slices.Compact(pub), Subscribe: sub}
}

// followerCalls are the requests that a follower may make, with a consumer of a name.
func followerCalls(consumer string) []string {
	var all []string
	for _, s := range mirrored() {
		on := s + "." + consumer
		for _, call := range []string{
			"STREAM.INFO." + s, "STREAM.MSG.GET." + s, "DIRECT.GET." + s, "DIRECT.GET." + s + ".>",
			"CONSUMER.CREATE." + on, "CONSUMER.CREATE." + on + ".>", "CONSUMER.DURABLE.CREATE." + on,
			"CONSUMER.INFO." + on, "CONSUMER.DELETE." + on, "CONSUMER.MSG.NEXT." + on,
		} {
			all = append(all, "$JS.API."+call)
		}
		all = append(all, ackOf(s, consumer))
	}
	return all
}
