package embed_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// An installation with all roles in the pipeline's account starts with this version: its streams keep their messages,
// its followers their credentials, and the roles' old credentials become invalid.
func TestAnInstallationOfOneAccountIsMigrated(t *testing.T) {
	dir, o := t.TempDir(), topology.Options{LogMaxBytes: 1 << 30}
	s, err := embed.Start(t.Context(), embed.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	operator := provisioned(t, s, o)
	token, seed, err := s.Authority().UserIn(topology.Pipeline, "gateway", topology.PermissionsOf(topology.Gateway))
	if err != nil {
		t.Fatal(err)
	}
	soc, err := s.Authority().Follower("soc")
	if err != nil {
		t.Fatal(err)
	}
	a, tag := proto.NewAccount(), &proto.Tag{Name: "kept"}
	key := topology.ConfigKey(a, topology.KindTag, topology.TagID(a, tag.Name))
	if _, err := operator.Put(t.Context(), topology.Config, key, tag, 0); err != nil {
		t.Fatal(err)
	}
	page := topology.PageRef{Account: a, Integration: proto.NewID()}
	batchOfBefore(t, operator, o, page)
	operator.Close()
	s.Close()
	forgetZones(t, dir)
	// Credentials created within the second of the upgrade count as new.
	made := time.Now().Unix()
	bustest.Eventually(t, "the clock has moved on", func() bool { return time.Now().Unix() > made+1 })

	if s, err = embed.Start(t.Context(), embed.Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer provisioned(t, s, o).Close()
	if nc, err := nats.Connect("", s.InProcess(), nats.UserJWTAndSeed(token, seed)); err == nil {
		nc.Close()
		t.Error("credentials of before are accepted")
	}
	mayLogIn(t, s, soc, true)
	var read proto.Tag
	gateway := connected(t, s, topology.Gateway)
	if _, err := gateway.Get(t.Context(), topology.Config, key, &read); err != nil || read.Name != tag.Name {
		t.Errorf("what was stored before: %+v, %v", read, err)
	}
	left, err := connected(t, s, topology.Fetcher).Subjects(t.Context(), topology.PostureBatches, ">")
	if err != nil || len(left) != 1 || left[topology.Batch(page)] != 1 {
		t.Errorf("batches of before: %v, %v", left, err)
	}
}

func connected(t *testing.T, s *embed.Server, role topology.Role) *bus.Conn {
	t.Helper()
	c, err := s.Connect(t.Context(), role, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func provisioned(t *testing.T, s *embed.Server, o topology.Options) *bus.Conn {
	t.Helper()
	c := connected(t, s, topology.Operator)
	if err := provision.Topology(t.Context(), c, o); err != nil {
		t.Fatal(err)
	}
	return c
}

// batchOfBefore stores a batch in the former account of all streams.
func batchOfBefore(t *testing.T, operator *bus.Conn, o topology.Options, page topology.PageRef) {
	t.Helper()
	if err := operator.JetStreamOf(topology.PostureBatches).DeleteStream(t.Context(),
		topology.PostureBatches); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range topology.Streams(o) {
		if cfg.Name != topology.PostureBatches {
			continue
		}
		if _, err := operator.JetStream().CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := operator.Publish(t.Context(),
		bus.Outgoing{Subject: topology.Batch(page), Body: &proto.Batch{Tick: 1}}); err != nil {
		t.Fatal(err)
	}
}

// forgetZones removes the roles' own accounts from an authority.
func forgetZones(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "nats", "authority.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var seeds map[string]any
	if err := json.Unmarshal(data, &seeds); err != nil {
		t.Fatal(err)
	}
	zones := seeds["zones"].(map[string]any)
	for name := range zones {
		if z := topology.Zone(name); z != topology.Mirror && z != topology.Follow {
			delete(zones, name)
		}
	}
	delete(seeds, "since")
	if data, err = json.Marshal(seeds); err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
