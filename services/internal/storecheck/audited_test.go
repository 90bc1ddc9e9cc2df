package storecheck_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/storecheck"
)

// settings changes records like the API and tracks the expected content.
type settings struct {
	t       *testing.T
	c       *bus.Conn
	account proto.Account
	want    map[string]string // names by subject; "" of deleted records
	at      map[string]uint64
}

func (s *settings) on(t *testing.T, server *embed.Server) *settings {
	return &settings{t: t, c: connect(t, server, topology.Operator), account: s.account, want: maps.Clone(s.want),
		at: maps.Clone(s.at)}
}

// write writes a record, or deletes it if the name is empty, and the event for the audit log.
func (s *settings) write(bucket, key, name string, body proto.Message) {
	s.t.Helper()
	subject := topology.BucketSubject(bucket, key)
	e := &proto.AuditEvent{ID: proto.NewID(), At: proto.At(time.Now()), Action: "update", Kind: "kind", Resource: key,
		Name: name, Records: []proto.AuditRecord{{Subject: subject, Replaced: s.at[subject], Deleted: name == ""}}}
	change := bus.PutMsg(bucket, key, body, s.at[subject])
	if name == "" {
		change = bus.DeleteMsg(bucket, key, s.at[subject])
	}
	first, err := s.c.Commit(s.t.Context(), []bus.Outgoing{{Subject: topology.Outbox(bucket, s.account, e.ID),
		Body: &proto.AuditOutbox{Events: []*proto.AuditEvent{e}}, TTL: topology.OutboxTTL}, change})
	if err != nil {
		s.t.Fatal(err)
	}
	s.at[subject], s.want[subject] = first+1, name
	if _, err := s.c.Publish(s.t.Context(),
		bus.Outgoing{Subject: topology.Audit(s.account), Body: e, MsgID: e.ID.String()}); err != nil {
		s.t.Fatal(err)
	}
}

func appKey(a proto.Account, n int) string {
	return topology.ConfigKey(a, topology.KindApplication, proto.DeriveID(a, fmt.Sprint("app", n)))
}

func tokenKey(a proto.Account, n int) string { return fmt.Sprintf("%s.service.%032x", a, n) }

func (s *settings) app(n int, name string) {
	s.t.Helper()
	// The bucket has several blocks.
	aud := base64.StdEncoding.EncodeToString(incompressible(n, name, 300<<10))
	s.write(topology.Config, appKey(s.account, n), name, &proto.Application{Name: name, AUD: aud})
}

func (s *settings) token(n int, name string) {
	s.t.Helper()
	// Most of the bucket is compared records, so damage anywhere affects them.
	s.write(topology.Tokens, tokenKey(s.account, n), name,
		&proto.ServiceToken{Name: name, SecretHash: incompressible(n, name, 4<<10)})
}

// incompressible returns the random bytes of a record.
func incompressible(n int, name string, size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(len(name))}).Read(data) // it never fails
	return data
}

// agrees reports whether the buckets have the expected content.
func (s *settings) agrees(t *testing.T, c *bus.Conn) bool {
	for subject, name := range s.want {
		bucket := topology.Config
		if _, err := topology.KeyOf(bucket, subject); err != nil {
			bucket = topology.Tokens
		}
		m, err := c.LeaderLast(t.Context(), topology.BucketStream(bucket), subject)
		gone := errors.Is(err, bus.ErrNotFound) || err == nil && m.Deleted()
		if err != nil && !gone {
			t.Fatal(err)
		}
		if gone {
			if name != "" {
				return false
			}
			continue
		}
		var app proto.Application
		var token proto.ServiceToken
		if bucket == topology.Config && (m.Decode(&app) != nil || app.Name != name) ||
			bucket == topology.Tokens && (m.Decode(&token) != nil || token.Name != name) {
			return false
		}
	}
	return true
}

// settingsEach is the number of applications and of service tokens.
const settingsEach = 36

func newSettings(t *testing.T) (store, old bustest.Stopped, s *settings) {
	store = bustest.NewStore(t)
	server := store.Start()
	s = (&settings{account: proto.NewAccount()}).on(t, server)
	s.want, s.at = map[string]string{}, map[string]uint64{}
	check(t, server)
	for n := range settingsEach {
		s.app(n, "first")
		s.token(n, "first")
	}
	server.Close()
	old = store.Copy()
	server = store.Start()
	s = s.on(t, server)
	for n := range settingsEach / 6 {
		s.app(n*5, "second")
		s.token(n*5, "second")
		s.app(n*5+1, "")
		s.token(n*5+1, "")
	}
	s.app(1, "made again")
	// Notes about tokens and reservations are not audited.
	for _, key := range []string{s.account.String() + ".seen.0", s.account.String() + ".used.0"} {
		if _, err := s.c.Put(t.Context(), topology.Tokens, key, &proto.TokenSeen{At: 1}, 0); err != nil {
			t.Fatal(err)
		}
	}
	server.Close()
	return store, old, s
}

// A store that lost changes of the control plane reports them, and starts after the loss is accepted. Deletions are
// repeated automatically. An intact store reports nothing.
func TestLostSettingsAreNoticed(t *testing.T) {
	t.Parallel()
	store, old, s := newSettings(t)
	config, tokens := topology.BucketStream(topology.Config), topology.BucketStream(topology.Tokens)
	last := store.Blocks(config) - 1
	if last < 1 {
		t.Fatal("CONFIG has one block")
	}
	for name, harm := range map[string]struct {
		do   func(bustest.Stopped)
		says string // of the lost records; "": none
	}{
		"nothing":            {func(bustest.Stopped) {}, ""},
		"the indexes":        {func(s bustest.Stopped) { s.RemoveIndex(config); s.RemoveIndex(tokens) }, ""},
		"the audit log":      {func(s bustest.Stopped) { s.RemoveStream(topology.AuditLog) }, ""},
		"an old audit log":   {func(s bustest.Stopped) { s.PutBackStream(old, topology.AuditLog) }, ""},
		"CONFIG's end":       {func(s bustest.Stopped) { s.TruncateLastBlock(config, 700<<10); s.RemoveIndex(config) }, "CONFIG: "},
		"CONFIG's first":     {func(s bustest.Stopped) { s.CorruptBlock(config, 0) }, "CONFIG: "},
		"CONFIG's last":      {func(s bustest.Stopped) { s.CorruptBlock(config, last) }, "CONFIG: "},
		"CONFIG":             {func(s bustest.Stopped) { s.RemoveStream(config) }, "is missing"},
		"an old CONFIG":      {func(s bustest.Stopped) { s.PutBackStream(old, config) }, "is older than it was"},
		"TOKENS's block":     {func(s bustest.Stopped) { s.CorruptBlock(tokens, 0) }, "TOKENS: "},
		"TOKENS's end":       {func(s bustest.Stopped) { s.TruncateLastBlock(tokens, 20_000); s.RemoveIndex(tokens) }, "TOKENS: "},
		"TOKENS":             {func(s bustest.Stopped) { s.RemoveStream(tokens) }, "is missing"},
		"an old TOKENS":      {func(s bustest.Stopped) { s.PutBackStream(old, tokens) }, "is older than it was"},
		"the whole, of then": {func(s bustest.Stopped) { s.PutBack(old) }, ""}, // nothing in it tells
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stopped := store.Copy()
			harm.do(stopped)
			server := stopped.Start()
			r := check(t, server)
			if said := strings.Join(r.Lost, "\n"); (len(r.Lost) > 0) != (harm.says != "") || !strings.Contains(said, harm.says) {
				t.Fatalf("report %+v", r)
			}
			s := s.on(t, server)
			if harm.says == "" {
				if name != "the whole, of then" && !s.agrees(t, s.c) {
					t.Error("records are missing")
				}
				if len(r.Repaired) > 0 {
					t.Errorf("report %+v", r)
				}
				return
			}
			if s.agrees(t, s.c) {
				t.Error("nothing is missing")
			}
			accepted, err := storecheck.Check(t.Context(), s.c, options, true, bustest.Log(t))
			if err != nil || len(accepted.Lost) > 0 || len(accepted.Accepted) == 0 {
				t.Fatalf("with accepted loss: %v, %+v", err, accepted)
			}
			for n := range settingsEach { // deleted records stay deleted
				for bucket, key := range map[string]string{topology.Config: appKey(s.account, n),
					topology.Tokens: tokenKey(s.account, n)} {
					subject := topology.BucketSubject(bucket, key)
					m, err := s.c.LeaderLast(t.Context(), topology.BucketStream(bucket), subject)
					switch {
					case err == nil && s.want[subject] == "" && !m.Deleted():
						t.Errorf("%s is there again", subject)
					case err == nil:
						s.at[subject] = m.Seq
					case errors.Is(err, bus.ErrNotFound):
						s.at[subject] = 0
					default:
						t.Fatal(err)
					}
				}
			}
			if r := check(t, server); len(r.Lost)+len(r.Accepted)+len(r.Repaired) > 0 {
				t.Fatalf("after the loss was accepted: %+v", r)
			}
			for n := range settingsEach {
				s.app(n, "made again")
				s.token(n, "made again")
			}
			if !s.agrees(t, s.c) {
				t.Error("what was made again is missing")
			}
			if r := check(t, server); len(r.Lost)+len(r.Repaired) > 0 {
				t.Errorf("after all was made again: %+v", r)
			}
		})
	}
}
