package plumb_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Bounds of the existing subjects of a kind that garbage is written to, in addition to a new one. The outbox has one
// for each change made by the test, all of them alike, and the relay needs seconds to pass over broken headers.
const (
	maxSubjects = 10
	maxOutboxes = 1
)

// target is a kind of record: a key of a bucket, or a subject of a stream.
type target struct{ stream, pattern string }

// targets are all kinds of records in the table of the bus.
func targets() []target {
	var all []target
	for _, b := range topology.Buckets() {
		for _, p := range topology.KeyPatterns(b) {
			all = append(all, target{topology.BucketStream(b), topology.BucketSubject(b, p)})
		}
	}
	for _, f := range topology.Flows() {
		if f.Stream != "" && f.Wildcard() != "" {
			all = append(all, target{f.Stream, f.Wildcard()})
		}
	}
	return all
}

// unread are the kinds not read by any service, with the reason for not testing their reports.
var unread = map[string]string{
	"$KV.CONFIG.*.claim.*":         "a reservation has no content: its revisions alone count",
	"$KV.SESSIONS.*.user.*":        "read when a person is asked about",
	"$KV.SESSIONS.*.used.*":        "its existence counts, not its content",
	"$KV.POLICY_TESTS.*.test.*":    "read when somebody asks for the test",
	"$KV.POLICY_TESTS.*.users.*.*": "read when somebody asks for the test",
	"posture.dead.*.*":             "read by operators only",
	"posture.hold.*.*.*":           "read by followers only",
	"posture.change.>":             "read when somebody follows or asks for history",
	"access.log.*.*":               "read when somebody asks for the log",
	"access.token.*.*":             "read when the exchange tells of the token's end",
	"audit.*":                      "read when somebody asks for the log",
}

type garbage struct {
	name   string
	data   string
	header nats.Header
}

func kindsOfGarbage(t *testing.T) []garbage {
	t.Helper()
	other, err := proto.Marshal(&proto.Tag{Name: "another record", CreatedAt: 1})
	if err != nil {
		t.Fatal(err)
	}
	return []garbage{
		{"empty", "", nil}, {"text", "garbage", nil}, {"bytes", "\xc1\xff\x00\xfe", nil}, {"another type", string(other), nil},
		{"another schema", string(other), nats.Header{proto.HeaderSchema: {"tag.1"}}},
		{"JSON", `{"id":"00000000-0000-0000-0000-000000000001","name":"x"}`, nil},
		{"a future version", "\x80", nats.Header{proto.HeaderSchema: {"application.99"}}},
		{"a huge number", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", nil}, {"a huge array", "\xdd\xff\xff\xff\xff", nil},
		{"a huge text", "\xdb\xff\xff\xff\xff", nil},
		{"broken headers", string(other), nats.Header{bustest.BrokenHeader: {"x"}}},
	}
}

// foreign returns an unused subject of a pattern.
func (s *swept) foreign(pattern string) string {
	a := s.i.Account
	id := proto.NewID().String()
	parts := strings.Split(pattern, ".")
	first := true
	for n, p := range parts {
		switch {
		case p == "*" && first:
			parts[n], first = a.String(), false
		case p == "*" && (strings.HasPrefix(pattern, "posture.batch") || strings.HasPrefix(pattern, "posture.scores")) &&
			n == len(parts)-1, p == "*" && strings.Contains(pattern, ".page."):
			parts[n] = "7"
		case p == "*":
			parts[n] = id
		case p == ">":
			parts[n] = strings.Join([]string{a.String(), id, "7"}, ".")
		}
	}
	switch pattern {
	case topology.BucketSubject(topology.Keys, topology.SigningKeyKeys):
		return topology.BucketSubject(topology.Keys, topology.SigningKeyKey(999))
	case topology.BucketSubject(topology.EntryKeys, topology.AllEntryKeyKeys):
		return topology.BucketSubject(topology.EntryKeys, topology.EntryKeyKey(999))
	case "posture.batch.*.*.*": // each integration's batches have a consumer of their own
		integration, err := proto.ParseID(s.integration)
		if err != nil {
			s.t.Fatal(err)
		}
		return topology.Batch(topology.PageRef{Account: a, Integration: integration, Page: 7})
	case "posture.change.>":
		return topology.Change(a, proto.NewID(), proto.OutcomePass, 7)
	case "posture.dead.*.*":
		return topology.Dead("evaluate", a)
	}
	return strings.Join(parts, ".")
}

// One unreadable record, of any kind and at any key, stops no service, opens no application, closes only applications
// that depend on it, and is reported with its key.
func TestUnreadableRecordsOfEveryKind(t *testing.T) {
	s := newSwept(t)
	all := targets()
	s.settle("before")
	s.poll(t)
	for _, k := range all {
		t.Run(k.pattern, func(t *testing.T) { s.sweep(t, k) })
	}
	s.settle("after")
	s.must("PUT", "/access/tags/tag", object{"name": "renamed"}, nil)

	// Garbage at new keys decides nothing about others, if it is no application's. The registry's cursor and the
	// rotation of keys have one key each.
	application := topology.BucketSubject(topology.Config, topology.ConfigKeys(topology.KindApplication))
	for n, k := range all {
		if k.pattern != application && k.stream != topology.PostureState && strings.ContainsAny(k.pattern, "*>") {
			s.write(t, s.foreign(k.pattern), kindsOfGarbage(t)[n%len(kindsOfGarbage(t))])
		}
	}
	s.stop()
	s.start()
	s.settle("started with garbage")

	// An application without any readable revision may protect any destination: all are closed, and the reason is
	// reported.
	unknown := s.foreign(application)
	s.write(t, unknown, kindsOfGarbage(t)[1])
	s.stop()
	broken := s.startBroken()
	key := strings.TrimPrefix(unknown, "$KV.CONFIG.")
	bustest.Eventually(t, "readiness names the record", func() bool {
		err := broken.Ready(t.Context())
		return err != nil && s.logs.has(key)
	})
	s.stillDenied(t, "started with an unreadable application")
	for _, v := range s.allowed() {
		if status := s.visit(v); status == http.StatusOK {
			t.Errorf("started with an unreadable application: %s gets in", v.name)
		}
	}
	if _, err := s.writer.JetStream().PublishMsg(t.Context(),
		&nats.Msg{Subject: unknown, Header: nats.Header{"KV-Operation": {"DEL"}}}); err != nil {
		t.Fatal(err)
	}
	s.settle("the unreadable application is deleted")
}

// settle waits until everything is as it should be.
func (s *swept) settle(when string) {
	s.t.Helper()
	for _, v := range s.allowed() {
		bustest.Eventually(s.t, when+": allowed: "+v.name, func() bool { return s.visit(v) == http.StatusOK })
	}
	s.stillDenied(s.t, when)
}

func (s *swept) stillDenied(t *testing.T, when string) {
	t.Helper()
	for _, v := range s.denied() {
		if status := s.visit(v); status == http.StatusOK || status == 0 {
			t.Errorf("%s: %s gets in", when, v.name)
		}
	}
}

func (s *swept) write(t *testing.T, subject string, g garbage) uint64 {
	t.Helper()
	ack, err := s.writer.JetStream().PublishMsg(t.Context(),
		&nats.Msg{Subject: subject, Data: []byte(g.data), Header: g.header})
	if err != nil {
		if strings.Contains(err.Error(), "maximum messages per subject") {
			return 0 // the one before has not been taken yet
		}
		t.Fatalf("%s under %s: %v", g.name, subject, err)
	}
	return ack.Sequence
}

// sweep writes every kind of garbage at an existing key, if there is one, and at a new key.
func (s *swept) sweep(t *testing.T, k target) {
	subjects, err := s.writer.Subjects(t.Context(), k.stream, k.pattern)
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for subject := range subjects {
		if s.beats(subject) {
			continue
		}
		there = append(there, subject)
	}
	slices.Sort(there)
	most := maxSubjects
	if strings.HasPrefix(k.pattern, "outbox.") {
		most = maxOutboxes
	}
	there = there[:min(len(there), most)]
	for _, subject := range append(there, s.foreign(k.pattern)) {
		before, _ := s.writer.Last(t.Context(), k.stream, subject)
		for _, g := range kindsOfGarbage(t) {
			s.write(t, subject, g)
			s.read(t, k.stream)
			s.stillDenied(t, g.name+" under "+subject)
			if slices.Contains(there, subject) {
				continue
			}
			for _, v := range s.allowed() {
				bustest.Eventually(t, fmt.Sprintf("%s under %s: allowed: %s", g.name, subject, v.name), func() bool {
					return s.visit(v) == http.StatusOK
				})
			}
		}
		if why := unread[k.pattern]; why == "" && k.stream != topology.PostureState {
			key := subject
			if rest, ok := strings.CutPrefix(subject, "$KV."); ok {
				_, key, _ = strings.Cut(rest, ".")
			}
			if k.stream == topology.BucketStream(topology.Sessions) {
				// A session's key is the secret of its browser, so the log has the account and the kind only.
				key = key[:strings.LastIndexByte(key, '.')+1]
			}
			bustest.Eventually(t, "the log names "+key, func() bool { return s.logs.has(key) })
		}
		s.stillDenied(t, "garbage under "+subject)
		if strings.HasPrefix(subject, "posture.") {
			s.poll(t)
		}
		s.repair(t, k, subject, before)
	}
}

// repair restores the previous value of a key, or deletes the key.
func (s *swept) repair(t *testing.T, k target, subject string, before *bus.Msg) {
	t.Helper()
	bucket := strings.HasPrefix(k.stream, "KV_") && strings.HasPrefix(subject, "$KV.")
	m := &nats.Msg{Subject: subject, Header: nats.Header{}}
	switch {
	case bucket && before == nil:
		m.Header.Set("KV-Operation", "DEL")
	case bucket:
		m.Data = before.Data
		for name, values := range before.Header {
			if !strings.HasPrefix(name, "Nats-") {
				m.Header[name] = values
			}
		}
	default:
		return
	}
	if _, err := s.writer.JetStream().PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	for _, v := range s.allowed() {
		bustest.Eventually(t, "repaired "+subject+": allowed: "+v.name, func() bool { return s.visit(v) == http.StatusOK })
	}
}
