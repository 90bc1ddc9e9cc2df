package device

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
)

var (
	account     = proto.Account{1}
	integration = proto.ID{2}
	other       = proto.ID{3} // another integration
	check       = proto.ID{4}
	second      = proto.ID{5} // another check over the same integration
	epoch       = time.UnixMilli(1_800_000_000_000)
)

func dev(n int) proto.ID {
	id := proto.ID{0xd0}
	binary.BigEndian.PutUint32(id[12:], uint32(n))
	return id
}

// settings are the configuration.
type settings struct {
	checks       map[proto.ID]*proto.Check
	integrations map[proto.ID]bool
	exemptions   []*proto.Exemption
	organization proto.Organization
}

func (s *settings) Organization(a proto.Account) catalog.Record[proto.Organization] {
	if a != account {
		return catalog.Record[proto.Organization]{Account: a, Value: &proto.Organization{}}
	}
	return catalog.Record[proto.Organization]{Account: a, Value: &s.organization}
}

func (s *settings) ExemptionsByDevice(a proto.Account) map[proto.ID][]catalog.Record[proto.Exemption] {
	all := map[proto.ID][]catalog.Record[proto.Exemption]{}
	for _, x := range s.exemptions {
		if a == account {
			all[x.Device] = append(all[x.Device], catalog.Record[proto.Exemption]{Account: a, Value: x})
		}
	}
	return all
}

func (s *settings) Check(a proto.Account, id proto.ID) (catalog.Record[proto.Check], bool) {
	c, ok := s.checks[id]
	return catalog.Record[proto.Check]{Account: a, Value: c}, ok && a == account
}

func (s *settings) Integration(a proto.Account, id proto.ID) (catalog.Record[proto.Integration], bool) {
	return catalog.Record[proto.Integration]{Account: a}, s.integrations[id] && a == account
}

func configured() *settings {
	s := &settings{checks: map[proto.ID]*proto.Check{}, integrations: map[proto.ID]bool{integration: true, other: true}}
	for _, id := range []proto.ID{check, second} {
		s.checks[id] = &proto.Check{ID: id, Type: proto.TypeCustomS2S, Integration: integration}
	}
	return s
}

// offline is a view filled by a test by hand.
func offline(t testing.TB, networks ...string) (*Devices, *settings, *clock.Fake) {
	cfg := Config{}
	for _, n := range networks {
		cfg.Overlay = append(cfg.Overlay, netip.MustParsePrefix(n))
	}
	s, c := configured(), clock.NewFake(epoch)
	return New(cfg, Deps{Log: bustest.Log(t), Clock: c, Settings: s}), s, c
}

// enrol makes a page of devices: pairs of number and address.
func enrol(d *Devices, n topology.PageNumber, devices ...any) {
	var all []proto.Device
	for i := 0; i < len(devices); i += 2 {
		all = append(all, proto.Device{ID: dev(devices[i].(int)), IPv4: devices[i+1].(string)})
	}
	d.inventory.put(account, n, pageOf(all))
}

// logged is an entry as POSTURE_STATE has it, from a place in the log.
func logged(t testing.TB, page topology.PageRef, seq uint64, e *proto.Entry) *bus.Msg {
	t.Helper()
	data, err := proto.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return &bus.Msg{Subject: topology.Log(page), Data: data, Seq: 1, Header: nats.Header{
		"Nats-Stream-Source": {fmt.Sprintf("POSTURE_LOG %d posture.log.> >", seq)},
		proto.HeaderSchema:   {e.Schema().String()},
	}}
}

func onPage(n topology.PageNumber) topology.PageRef {
	return topology.PageRef{Account: account, Integration: integration, Page: n}
}

// result is a device's: a score, or NoScore, and the outcomes of the entry's checks.
func result(n, score int, outcomes ...proto.Outcome) proto.Result {
	r := proto.Result{Device: dev(n), Score: score, ObservedAt: proto.At(epoch)}
	for _, o := range outcomes {
		why := proto.ReasonScore
		if o == proto.OutcomeUnknown {
			why = proto.ReasonNeverPolled
		}
		r.Verdicts = append(r.Verdicts, proto.Verdict{Outcome: o, Reason: why, Observed: o})
	}
	if score == proto.NoScore {
		r.ObservedAt = 0
	}
	return r
}

func entryOf(results ...proto.Result) *proto.Entry {
	return &proto.Entry{Poll: proto.Poll{At: proto.At(epoch), Attempts: 1, Status: 200},
		Checks: []proto.CheckRef{{ID: check}}, Results: results}
}

// server is a NATS server for a stop and a start with the same content.
type server struct {
	t    testing.TB
	dir  string
	addr string
	*embed.Server
}

func startServer(t testing.TB) *server {
	t.Helper()
	addr, err := machine.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: t.TempDir(), addr: addr}
	s.start()
	t.Cleanup(func() { s.Close() })
	err = provision.Topology(t.Context(), s.conn(topology.Operator), topology.Options{LogMaxBytes: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) start() {
	s.t.Helper()
	var err error
	s.Server, err = embed.Start(s.t.Context(),
		embed.Config{Dir: filepath.Join(s.dir, "data"), Addr: s.addr, NoSync: true, Log: bustest.Log(s.t)})
	if err != nil {
		s.t.Fatal(err)
	}
}

// conn reaches the server over the network, and thus reconnects with it.
func (s *server) conn(role topology.Role) *bus.Conn {
	s.t.Helper()
	token, seed, err := s.Authority().User(role)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := bus.Connect(s.t.Context(), bus.Config{URL: "nats://" + s.addr, Role: role, Log: bustest.Log(s.t),
		Options: []nats.Option{nats.UserJWTAndSeed(token, seed)}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// begin runs something until the test ends.
func begin(t testing.TB, run func(context.Context) error) {
	bustest.Run(t, run)
}
