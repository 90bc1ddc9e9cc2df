package topology

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// Zone is a NATS account. Subjects of one zone are reachable from another only through exports and imports. The
// server checks the subject of a request but not its reply subject, and replies with its own permissions. Between
// zones it replaces the reply subject, so a request cannot make the server store the reply in a stream of another
// zone.
//
// Each role therefore has its own zone without streams. The zone imports exactly the subjects in the role's
// permissions, and the permissions of its users repeat this restriction. The operator is in [Pipeline], with the
// streams.
type Zone string

// The zones without a role of their own.
const (
	Pipeline Zone = "PLUMBLINE" // the streams and buckets, except those of the next two zones
	// Queue contains only the stream [PostureBatches]. Fetchers create consumers of this stream, and a consumer may
	// direct the server to send messages to any subject of its zone; no subject of Queue leads to another zone.
	Queue  Zone = "BATCHES"
	Mirror Zone = "MIRROR" // copies of the streams for followers
	Follow Zone = "FOLLOW" // the followers
)

// Zones returns all zones.
func Zones() []Zone {
	all := []Zone{Pipeline, Queue, Mirror, Follow}
	for _, r := range Roles() {
		if z := ZoneOf(r); !slices.Contains(all, z) {
			all = append(all, z)
		}
	}
	return all
}

// ZoneOf returns the zone of a role's users.
func ZoneOf(r Role) Zone {
	switch r {
	case Operator:
		return Pipeline
	case Follower:
		return Follow
	}
	return Zone(strings.ToUpper(string(r)))
}

// ZoneOfStream returns the zone of a stream. The copies in [Mirror] have the same names.
func ZoneOfStream(stream string) Zone {
	if stream == PostureBatches {
		return Queue
	}
	return Pipeline
}

// JetStream reports whether a zone has streams.
func (z Zone) JetStream() bool { return z == Pipeline || z == Queue || z == Mirror }

// APIPrefix returns the prefix under which the operator reaches the JetStream API of another zone.
func (z Zone) APIPrefix() string { return "zone." + strings.ToLower(string(z)) + ".api" }

// Share is an export of a zone.
type Share struct {
	Subject string `json:"subject"`
	Stream  bool   `json:"stream,omitempty"`  // messages sent by the zone, instead of requests answered by it
	Several bool   `json:"several,omitempty"` // a request may get more than one reply
}

// Import is another zone's share used by a zone.
type Import struct {
	From    Zone   `json:"from"`
	Subject string `json:"subject"`
	Local   string `json:"local,omitempty"` // the subject in the importing zone, if different
	Stream  bool   `json:"stream,omitempty"`
}

// LocalSubject returns the subject of the import in the importing zone, as a filter.
func (i Import) LocalSubject() string {
	if i.Local == "" {
		return i.Subject
	}
	return reference.ReplaceAllString(i.Local, "*")
}

// reference matches a local subject's reference to a token of the original subject.
var reference = regexp.MustCompile(`\$[0-9]+`)

// mirrored returns the names of the streams copied for followers.
func mirrored() []string { return []string{PostureLog, PostureState} }

// feedRoot is the prefix of the subjects on which the pipeline feeds the mirrors. mirrorAPI is the name, in their
// zone, of the part of the pipeline's JetStream API used by the mirrors.
const (
	feedRoot  = "mirror.feed"
	mirrorAPI = "mirror.api"
)

// Imports returns the imports of a zone.
func (z Zone) Imports() []Import { return slices.Clone(importsByZone()[z]) }

// importsByZone is computed once: every start of a server needs the imports of all zones.
var importsByZone = sync.OnceValue(func() map[Zone][]Import {
	all := map[Zone][]Import{}
	for _, z := range Zones() {
		all[z] = z.imports()
	}
	return all
})

func (z Zone) imports() []Import {
	switch z {
	case Pipeline:
		return pipelineImports()
	case Queue:
		return nil
	case Mirror:
		return mirrorImports()
	case Follow:
		var all []Import
		for _, s := range followerCalls("*") {
			all = append(all, Import{From: Mirror, Subject: s})
		}
		for _, s := range mirrored() {
			all = append(all, Import{From: Pipeline, Subject: Bell(s, ">"), Stream: true})
		}
		return all
	}
	for _, r := range Roles() {
		if ZoneOf(r) == z {
			return roleImports(r)
		}
	}
	return nil
}

// pipelineImports returns the imports for the operator.
func pipelineImports() []Import {
	var all []Import
	// STREAM.INFO and CONSUMER.CREATE are left out, because the mirrors import them from the pipeline: the server
	// would treat both imports as a cycle and ignore this one.
	for _, call := range []string{"INFO", "STREAM.CREATE.*", "STREAM.UPDATE.*", "STREAM.DELETE.*", "STREAM.PURGE.*",
		"STREAM.LIST", "CONSUMER.NAMES.*", "CONSUMER.LIST.*"} {
		all = append(all, Import{From: Mirror, Subject: "$JS.API." + call,
			Local: Mirror.APIPrefix() + "." + references(call)})
	}
	// The server does not remove the prefix [Zone.APIPrefix] from acknowledgements.
	all = append(all, Import{From: Queue, Subject: "$JS.API.>", Local: Queue.APIPrefix() + ".>"},
		Import{From: Queue, Subject: "$JS.ACK." + PostureBatches + ".>"}, Import{From: Queue, Subject: batchRoot + "*.*.*"})
	return append(all, exchanges(Operator)...)
}

func mirrorImports() []Import {
	var all []Import
	for _, s := range mirrored() {
		// The server requests the consumer without a name in the subject; a request with a name requires the same
		// permission.
		for _, call := range []string{"CONSUMER.CREATE." + s, "CONSUMER.CREATE." + s + ".>", "STREAM.INFO." + s} {
			all = append(all, Import{From: Pipeline, Subject: "$JS.API." + call, Local: mirrorAPI + "." + call})
		}
	}
	return append(all, Import{From: Pipeline, Subject: "$JS.FC.>"},
		Import{From: Pipeline, Subject: feedRoot + ".>", Stream: true})
}

// Shares returns the exports of a zone: everything imported from it by others.
func (z Zone) Shares() []Share {
	var all []Share
	for _, other := range Zones() {
		for _, i := range other.Imports() {
			if i.From == z {
				all = append(all, Share{Subject: i.Subject, Stream: i.Stream, Several: z.several(i.Subject)})
			}
		}
	}
	return widest(all)
}

// widest removes shares included in another share.
func widest(all []Share) []Share {
	var kept []Share
	for _, s := range all {
		includes := func(other Share) bool { return other.Stream == s.Stream && Includes(other.Subject, s.Subject) }
		if slices.ContainsFunc(kept, includes) {
			continue
		}
		kept = slices.DeleteFunc(kept, func(other Share) bool {
			return other.Stream == s.Stream && Includes(s.Subject, other.Subject)
		})
		kept = append(kept, s)
	}
	slices.SortFunc(kept, func(a, b Share) int { return strings.Compare(a.Subject, b.Subject) })
	return kept
}

// several reports whether a JetStream API request gets more than one reply: batched direct gets, and followers'
// requests to a consumer. Our own services request one message at a time from a consumer (see package bus), because
// the server drops the return path of a request after the first reply.
func (z Zone) several(subject string) bool {
	get, direct := strings.CutPrefix(subject, directGet)
	return direct && !strings.Contains(get, ".") || z == Mirror && strings.HasPrefix(subject, "$JS.API.CONSUMER.MSG.NEXT.")
}

const directGet = "$JS.API.DIRECT.GET."

// Includes reports whether wide matches every subject matched by narrow.
func Includes(wide, narrow string) bool {
	w, n := strings.Split(wide, "."), strings.Split(narrow, ".")
	for i := range w {
		switch {
		case w[i] == ">":
			return i < len(n)
		case i >= len(n) || n[i] == ">":
			return false
		case w[i] != "*" && w[i] != n[i]:
			return false
		}
	}
	return len(w) == len(n)
}

// Mirrors returns the configurations of the streams in [Mirror]: copies of the streams for followers, with the same
// names and sequence numbers. The copy of the log has its own bounds; a follower lagging beyond them reads a new
// state. Copies are not compressed: the server would write each of their blocks twice.
func Mirrors(o Options) []jetstream.StreamConfig {
	var all []jetstream.StreamConfig
	for _, s := range Streams(o) {
		if !slices.Contains(mirrored(), s.Name) {
			continue
		}
		all = append(all, jetstream.StreamConfig{
			Name: s.Name, Description: s.Description + "; a copy for followers",
			Mirror: &jetstream.StreamSource{Name: s.Name,
				External: &jetstream.ExternalStream{APIPrefix: mirrorAPI, DeliverPrefix: feedRoot}},
			MaxMsgsPerSubject: s.MaxMsgsPerSubject, MaxAge: s.MaxAge, MaxBytes: s.MaxBytes / mirrorShare,
			AllowDirect: true, Storage: s.Storage, Replicas: s.Replicas,
		})
	}
	return all
}

// mirrorShare is the divisor for the bound of the followers' copy of the log: a copy takes its disk space twice.
const mirrorShare = 2
