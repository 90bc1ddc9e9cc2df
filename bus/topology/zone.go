package topology

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// Zone is a NATS account: subjects of one zone cannot be reached from another, except by what the zones export and
// import. The server checks the subject of a request and not its reply subject, to which it answers with its own
// rights. Between zones it replaces the reply subject, so a request cannot have its answer stored in a stream of
// another zone.
//
// Each role is therefore in a zone of its own, without streams, that imports what the role's permissions name and
// nothing else. The permissions of its users say the same once more. The operator is in [Pipeline], with the streams.
type Zone string

// The zones that are not of one role.
const (
	Pipeline Zone = "PLUMBLINE" // the streams and buckets, but those of the next two
	// Queue has the stream [PostureBatches] alone. Fetchers create the consumers of that stream, and a consumer may have
	// the server send messages to any subject of its zone; of Queue, none leads anywhere.
	Queue  Zone = "BATCHES"
	Mirror Zone = "MIRROR" // copies of the streams that followers read
	Follow Zone = "FOLLOW" // the followers
)

// Zones are all zones.
func Zones() []Zone {
	all := []Zone{Pipeline, Queue, Mirror, Follow}
	for _, r := range Roles() {
		if z := ZoneOf(r); !slices.Contains(all, z) {
			all = append(all, z)
		}
	}
	return all
}

// ZoneOf is the zone that a role's users are in.
func ZoneOf(r Role) Zone {
	switch r {
	case Operator:
		return Pipeline
	case Follower:
		return Follow
	}
	return Zone(strings.ToUpper(string(r)))
}

// ZoneOfStream is the zone that a stream is in. [Mirrors] are in [Mirror], with the same names.
func ZoneOfStream(stream string) Zone {
	if stream == PostureBatches {
		return Queue
	}
	return Pipeline
}

// JetStream reports whether a zone has streams.
func (z Zone) JetStream() bool { return z == Pipeline || z == Queue || z == Mirror }

// APIPrefix is the prefix under which the operator reaches the JetStream API of another zone.
func (z Zone) APIPrefix() string { return "zone." + strings.ToLower(string(z)) + ".api" }

// Share is something that one zone offers to others: an export of its account.
type Share struct {
	Subject string `json:"subject"`
	Stream  bool   `json:"stream,omitempty"`  // messages that the zone sends, in place of requests that it answers
	Several bool   `json:"several,omitempty"` // a request may get more than one answer
}

// Import is a share of another zone that a zone uses.
type Import struct {
	From    Zone   `json:"from"`
	Subject string `json:"subject"`
	Local   string `json:"local,omitempty"` // the subject in the importing zone; empty: the same
	Stream  bool   `json:"stream,omitempty"`
}

// LocalSubject is the subject of the import in the importing zone, as a filter.
func (i Import) LocalSubject() string {
	if i.Local == "" {
		return i.Subject
	}
	return reference.ReplaceAllString(i.Local, "*")
}

// reference is how a local subject names a token of the subject that it stands for.
var reference = regexp.MustCompile(`\$[0-9]+`)

// mirrored are the streams that followers read.
func mirrored() []string { return []string{PostureLog, PostureState} }

// feedRoot begins the subjects on which the pipeline feeds the mirrors, and mirrorAPI is the part of the pipeline's
// JetStream API that the mirrors use, under the name that it has in their zone.
const (
	feedRoot  = "mirror.feed"
	mirrorAPI = "mirror.api"
)

// Imports are what a zone uses of others.
func (z Zone) Imports() []Import { return slices.Clone(importsByZone()[z]) }

// importsByZone are worked out once: every start of a server needs those of all zones.
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

// pipelineImports are for the operator.
func pipelineImports() []Import {
	var all []Import
	// Not STREAM.INFO nor CONSUMER.CREATE, which the mirrors use of the pipeline: the server takes both together for a
	// cycle, and ignores the import.
	for _, call := range []string{"INFO", "STREAM.CREATE.*", "STREAM.UPDATE.*", "STREAM.DELETE.*", "STREAM.PURGE.*", "STREAM.LIST",
		"CONSUMER.NAMES.*", "CONSUMER.LIST.*"} {
		all = append(all, Import{From: Mirror, Subject: "$JS.API." + call, Local: Mirror.APIPrefix() + "." + references(call)})
	}
	// The server removes the prefix of [Zone.APIPrefix] from no acknowledgement.
	all = append(all, Import{From: Queue, Subject: "$JS.API.>", Local: Queue.APIPrefix() + ".>"},
		Import{From: Queue, Subject: "$JS.ACK." + PostureBatches + ".>"}, Import{From: Queue, Subject: batchRoot + "*.*.*"})
	return append(all, exchanges(Operator)...)
}

func mirrorImports() []Import {
	var all []Import
	for _, s := range mirrored() {
		// The server asks for the consumer without its name in the subject; a request with it is of the same right.
		for _, call := range []string{"CONSUMER.CREATE." + s, "CONSUMER.CREATE." + s + ".>", "STREAM.INFO." + s} {
			all = append(all, Import{From: Pipeline, Subject: "$JS.API." + call, Local: mirrorAPI + "." + call})
		}
	}
	return append(all, Import{From: Pipeline, Subject: "$JS.FC.>"}, Import{From: Pipeline, Subject: feedRoot + ".>", Stream: true})
}

// Shares are what a zone offers: what others import of it.
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

// widest leaves out what another share includes.
func widest(all []Share) []Share {
	var kept []Share
	for _, s := range all {
		includes := func(other Share) bool { return other.Stream == s.Stream && Includes(other.Subject, s.Subject) }
		if slices.ContainsFunc(kept, includes) {
			continue
		}
		kept = slices.DeleteFunc(kept, func(other Share) bool { return other.Stream == s.Stream && Includes(s.Subject, other.Subject) })
		kept = append(kept, s)
	}
	slices.SortFunc(kept, func(a, b Share) int { return strings.Compare(a.Subject, b.Subject) })
	return kept
}

// several reports whether a request of JetStream's API has more than one answer: batched direct gets, and followers'
// requests to a consumer. Our own services ask a consumer for one message at a time (see package bus); the server
// forgets where the answer goes once it has passed it on.
func (z Zone) several(subject string) bool {
	get, direct := strings.CutPrefix(subject, directGet)
	return direct && !strings.Contains(get, ".") || z == Mirror && strings.HasPrefix(subject, "$JS.API.CONSUMER.MSG.NEXT.")
}

const directGet = "$JS.API.DIRECT.GET."

// Includes reports whether every subject that matches narrow matches wide.
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

// Mirrors are the configurations of the streams of [Mirror]: the streams that followers read, with the same names
// and sequence numbers. The copy of the log has bounds of its own; a follower that is behind them takes the state.
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
			Compression: s.Compression, AllowDirect: true, Storage: s.Storage, Replicas: s.Replicas,
		})
	}
	return all
}

// mirrorShare is what the bound of the followers' copy of the log is divided by: a copy takes disk twice.
const mirrorShare = 2
