package topology

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var followerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// Limits of followers across all servers of a cluster. They keep followers from exhausting the servers' memory with
// subscriptions.
const (
	MaxFollowerConnections   = 1000 // of all followers together
	MaxFollowerSubscriptions = 1000 // of one connection
)

// CheckFollowerName returns an error if name is not a valid follower name.
func CheckFollowerName(name string) error {
	if !followerName.MatchString(name) || strings.HasPrefix(name, FollowPrefix) {
		return fmt.Errorf("follower name %q: use up to 32 letters, digits, - and _, not beginning with %s",
			name, FollowPrefix)
	}
	return nil
}

// FollowerConsumer returns the name of the consumer storing a follower's position.
func FollowerConsumer(name string) string { return FollowPrefix + name }

// FollowerConsumers returns the names of all consumers a follower may create, on each of [Mirrors].
func FollowerConsumers(name string) []string { return []string{name, FollowerConsumer(name)} }

// FollowerInbox returns the prefix of a follower's inboxes. No follower may subscribe to another follower's.
func FollowerInbox(name string) string { return "_INBOX_" + name }

// FollowerPermissions returns the permissions of a follower: to read the copies of the log and the state, and to
// manage consumers on them with its own name, with or without [FollowPrefix]. NATS has no permissions for part of a
// name, so a follower has one position on the server; several positions require several followers.
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

// followerCalls returns the requests permitted to a follower for a consumer.
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
