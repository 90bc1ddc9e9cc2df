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

// FollowerConsumer returns the name of the consumer storing a follower's position. The key is secret: the server
// publishes the messages of a push consumer without checking permissions, so a follower that knows the name of another
// follower's consumer can take its messages or reset its position.
func FollowerConsumer(name, key string) string { return FollowPrefix + name + "_" + key }

// FollowerConsumers returns the names of all consumers a follower may create, on each of [Mirrors].
func FollowerConsumers(name, key string) []string {
	return []string{name + "_" + key, FollowerConsumer(name, key)}
}

// FormerFollowerConsumers returns the names of the consumers a follower's credentials of earlier versions permit. They
// have no secret part. A follower may read the positions of its own.
func FormerFollowerConsumers(name string) []string { return []string{name, FollowPrefix + name} }

// FollowerConsumerIn returns the consumer storing a follower's position, given the subjects its credentials permit to
// publish to. It returns "" if they permit none.
func FollowerConsumerIn(publish []string) string {
	for _, subject := range publish {
		consumer, ok := strings.CutPrefix(subject, nextOf(PostureLog, FollowPrefix))
		if ok {
			return FollowPrefix + consumer
		}
	}
	return ""
}

// nextOf returns the subject of requests for a consumer's messages.
func nextOf(stream, consumer string) string {
	return "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer
}

// FollowerInbox returns the prefix of a follower's inboxes. No follower may subscribe to another follower's.
func FollowerInbox(name string) string { return "_INBOX_" + name }

// FollowerPermissions returns the permissions of a follower: to read the copies of the log and the state, and to
// manage consumers on them with its own name and key, with or without [FollowPrefix]. NATS has no permissions for part
// of a name, so a follower has one position on the server; several positions require several followers.
func FollowerPermissions(name, key string) Permissions {
	var pub []string
	for _, consumer := range FollowerConsumers(name, key) {
		pub = append(pub, followerCalls(consumer)...)
	}
	for _, consumer := range FormerFollowerConsumers(name) {
		for _, s := range mirrored() {
			pub = append(pub, "$JS.API.CONSUMER.INFO."+s+"."+consumer)
		}
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
			"CONSUMER.INFO." + on, "CONSUMER.DELETE." + on,
		} {
			all = append(all, "$JS.API."+call)
		}
		all = append(all, nextOf(s, consumer), ackOf(s, consumer))
	}
	return all
}
