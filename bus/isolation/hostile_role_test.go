package isolation_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/servererr"
	"plumbline.dev/bus/topology"
)

// A compromised role names every subject of the pipeline in three places: as the reply subject of every request to
// another account, as the delivery subject of a consumer, and in the headers of server reports. Its user has all
// permissions of its account. It stores only messages the role may write, and removes nothing.
func TestAHostileRoleWritesNothingElse(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *bustest.Bus{
		"one server": bustest.Start, "three servers": bustest.Cluster,
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			// The registry and the evaluator come last: each takes messages of a consumer from the others.
			for _, r := range []topology.Role{topology.Scheduler, topology.Fetcher, topology.Exchange, topology.Gateway,
				topology.API, topology.Dispatcher, topology.Registry, topology.Evaluator} {
				t.Run(string(r), func(t *testing.T) { hostileRole(t, b, r) })
			}
		})
	}
}

func hostileRole(t *testing.T, b *bustest.Bus, r topology.Role) {
	operator := b.Conn(topology.Operator)
	seeds := sow(t, operator)
	var pending []claimed
	for taker, d := range map[topology.Role]string{
		topology.Registry: topology.DeviceCommands, topology.Evaluator: topology.PostureScores,
	} {
		if taker != r && (taker != topology.Registry || r != topology.Evaluator) {
			pending = append(pending, claim(t, operator, d, topology.DurablesOf(taker)[0].Config.Durable))
		}
	}
	targets := targetsOf(seeds, pending)
	before := ends(t, operator)
	inboxes := listen(t, b, r)

	a := &attacker{t: t, nc: b.Anybody(topology.ZoneOf(r))}
	for _, i := range topology.ZoneOf(r).Imports() {
		if !i.Stream {
			a.attack(i.LocalSubject(), targets, seeds)
		}
	}
	for _, target := range targets {
		a.send(&nats.Msg{Subject: target, Data: []byte("direct")})
	}
	a.traced()
	a.settle(topology.PermissionsOf(r).Publish)

	for stream, end := range before {
		unharmed(t, operator, r, stream, end, seeds)
	}
	for _, d := range topology.Durables() {
		c, err := operator.JetStream().Consumer(t.Context(), d.Stream, d.Config.Durable)
		if err != nil {
			t.Errorf("consumer %s of %s: %v", d.Config.Durable, d.Stream, err)
		} else if c.CachedInfo().Config.DeliverSubject != "" {
			t.Errorf("consumer %s of %s delivers to %s", d.Config.Durable, d.Stream, c.CachedInfo().Config.DeliverSubject)
		}
	}
	for _, sub := range inboxes {
		if n, _, err := sub.Pending(); err != nil || n != 0 {
			m, _ := sub.NextMsg(time.Second)
			t.Errorf("%d messages on %s, %v: %+v", n, sub.Subject, err, m)
		}
	}
	for _, c := range pending {
		c.release(t)
	}
}

// seed is a message stored before the attack.
type seed struct {
	stream, subject string
	seq             uint64
	body            []byte
}

// sow stores a message on a subject of each kind.
func sow(t *testing.T, operator *bus.Conn) []seed {
	t.Helper()
	var all []seed
	subjects := []string{"$KV.CONFIG.victim.app.victim", "$KV.TOKENS.victim.service.victim",
		"$KV.TOKENS.victim.api.victim", "$KV.TOKEN_USES.victim.seen.victim", "$KV.KEYS.rotation", "$KV.KEYS.signing.1",
		"$KV.ENTRY_KEYS.key.1",
		"$KV.SESSIONS.victim.session.victim", "$KV.DEVICES.victim.page.0", "$KV.DEVICES.cursor"}
	for _, s := range topology.Streams(topology.Options{}) {
		for _, subject := range s.Subjects {
			subjects = append(subjects, strings.NewReplacer("*", "victim", ">", "victim.v.v.v").Replace(subject))
		}
	}
	slices.Sort(subjects)
	for _, subject := range slices.Compact(subjects) {
		body := []byte("of " + subject)
		ack, err := operator.JetStream().Publish(t.Context(), subject, body)
		if servererr.IsOccupied(err) {
			continue // of the attack before, still there
		}
		if err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
		all = append(all, seed{ack.Stream, subject, ack.Sequence, body})
	}
	for _, s := range all {
		if s.stream == topology.PostureLog && strings.HasPrefix(s.subject, "posture.log.") {
			bustest.Eventually(t, "the state has what was sown", func() bool {
				m, err := operator.Last(t.Context(), topology.PostureState, s.subject)
				if err != nil {
					return false
				}
				at, err := bus.LogSequence(m)
				return err == nil && at == s.seq
			})
		}
	}
	return all
}

// claimed is a delivered message without an acknowledgement.
type claimed struct {
	m *nats.Msg
	o *bus.Conn
}

// claim takes the newest message of a consumer, so that a forged acknowledgement would remove it.
func claim(t *testing.T, operator *bus.Conn, stream, consumer string) claimed {
	t.Helper()
	var m *nats.Msg
	bustest.Eventually(t, "a message of "+stream, func() bool {
		got, err := operator.NATS().Request("$JS.API.CONSUMER.MSG.NEXT."+stream+"."+consumer, []byte(`{"batch":1,"expires":1000000000}`), 2*time.Second)
		if err != nil || got.Reply == "" {
			return false
		}
		m = got
		return true
	})
	return claimed{m, operator}
}

// release acknowledges it.
func (c claimed) release(t *testing.T) {
	t.Helper()
	if _, err := c.o.NATS().Request(c.m.Reply, nil, 5*time.Second); err != nil {
		t.Errorf("acknowledge: %v", err)
	}
}

// targetsOf returns the subjects an attacker wants messages sent to.
func targetsOf(seeds []seed, pending []claimed) []string {
	var all []string
	for _, s := range seeds {
		all = append(all, s.subject)
	}
	for _, c := range pending {
		all = append(all, c.m.Reply)
	}
	for _, s := range topology.Streams(topology.Options{}) {
		all = append(all, "$JS.API.STREAM.DELETE."+s.Name, "$JS.API.STREAM.PURGE."+s.Name)
	}
	for _, d := range topology.Durables() {
		all = append(all, "$JS.API.CONSUMER.DELETE."+d.Stream+"."+d.Config.Durable)
	}
	all = append(all, topology.Queue.APIPrefix()+".STREAM.DELETE."+topology.PostureBatches,
		topology.Mirror.APIPrefix()+".STREAM.DELETE."+topology.PostureLog, "mirror.feed.x", "bell.KV_KEYS.$KV.KEYS.rotation",
		topology.Asked(topology.Gateway, topology.ExchangeUser), "$KV.CONFIG.victim.app.victim.id.1.ok.1.0.$FI", "$SRV.PING")
	for _, r := range topology.Roles() {
		all = append(all, r.InboxPrefix()+".x", topology.CommandAnswers(r)+".x")
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// listen subscribes to the inboxes of every other role, and to the subjects of replies.
func listen(t *testing.T, b *bustest.Bus, attacker topology.Role) []*nats.Subscription {
	t.Helper()
	var all []*nats.Subscription
	add := func(nc *nats.Conn, subject string) {
		sub, err := nc.SubscribeSync(subject)
		if err == nil {
			err = nc.FlushTimeout(10 * time.Second)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sub)
	}
	for _, r := range topology.Roles() {
		if r == attacker || r == topology.Operator {
			continue
		}
		nc := b.Anybody(topology.ZoneOf(r))
		add(nc, r.InboxPrefix()+".x")
		if attacker != topology.Gateway {
			add(nc, topology.Asked(topology.Gateway, topology.ExchangeUser))
		}
		if attacker != topology.Registry {
			add(nc, topology.CommandAnswers(r)+".>")
		}
	}
	add(b.Anybody(topology.Pipeline), topology.Operator.InboxPrefix()+".x")
	return all
}

// attacker sends requests with all permissions of an account.
type attacker struct {
	t  *testing.T
	nc *nats.Conn
	n  int
}

func (a *attacker) send(m *nats.Msg) {
	a.t.Helper()
	if err := a.nc.PublishMsg(m); err != nil {
		a.t.Fatal(err)
	}
	if a.n++; a.n%500 == 0 {
		if err := a.nc.FlushTimeout(30 * time.Second); err != nil {
			a.t.Fatal(err)
		}
	}
}

// attack sends a request on each imported subject, with each target as a possible recipient of a message of the server.
func (a *attacker) attack(imported string, targets []string, seeds []seed) {
	for _, target := range targets {
		all := requests(imported, target, seeds)
		for _, m := range all {
			m.Reply = target
			a.send(m)
		}
		// The server reports the path of any message to the subject in its header.
		for _, only := range []string{"false", "true"} {
			a.send(&nats.Msg{Subject: all[0].Subject, Reply: target, Data: all[0].Data,
				Header: nats.Header{"Nats-Trace-Dest": {target}, "Nats-Trace-Only": {only}}})
		}
	}
}

// requests returns the requests to send on an imported subject.
func requests(imported, target string, seeds []seed) []*nats.Msg {
	subject := bustest.Literal(imported)
	call, isCall := strings.CutPrefix(imported, "$JS.API.")
	ask := func(bodies ...string) (all []*nats.Msg) {
		for _, body := range bodies {
			all = append(all, &nats.Msg{Subject: subject, Data: []byte(body)})
		}
		return all
	}
	switch {
	case strings.HasPrefix(call, "STREAM.MSG.GET."):
		return ask(`{"seq":1}`, `{"seq":999999}`, `{"seq":1,"next_by_subj":">"}`)
	case strings.HasPrefix(call, "DIRECT.GET.") && !strings.Contains(call, "*") && !strings.Contains(call, ">"):
		return ask(`{"seq":1}`, `{"seq":999999}`, `{"seq":1,"next_by_subj":">","batch":3}`, `{"multi_last":[">"],"batch":3}`)
	case strings.HasPrefix(call, "DIRECT.GET."):
		all := ask("")
		for _, s := range seeds {
			if get := "$JS.API.DIRECT.GET." + s.stream + "." + s.subject; topology.Includes(imported, get) {
				all = append(all, &nats.Msg{Subject: get})
			}
		}
		return all
	case strings.HasPrefix(call, "CONSUMER.MSG.NEXT."):
		return ask(`{"batch":1,"no_wait":true}`, `{"batch":2,"expires":20000000,"idle_heartbeat":5000000}`)
	case strings.HasPrefix(call, "CONSUMER.CREATE."):
		config := func(more string) string {
			return fmt.Sprintf(`{"stream_name":%q,"config":{"durable_name":"x","name":"x","filter_subject":"posture.batch.x.x.x","ack_policy":"explicit"%s}}`,
				topology.PostureBatches, more)
		}
		return slices.Concat(
			ask(config(fmt.Sprintf(`,"deliver_subject":%q`, target))),
			remove(call), ask(config(fmt.Sprintf(`,"deliver_subject":%q,"flow_control":true,"idle_heartbeat":100000000`, target))),
			batch(target), remove(call), ask(config("")))
	case isCall:
		return ask("")
	case strings.HasPrefix(imported, "$JS.ACK."):
		subject = strings.Replace(imported, ">", "1.1.1.0.0", 1)
		subject = strings.ReplaceAll(subject, "*", "x")
		return ask("+WPI", `+NXT {"batch":2,"expires":20000000}`)
	}
	// The subject of a stream, or of a request to another role.
	var all []*nats.Msg
	for _, h := range []nats.Header{nil, {"Nats-Rollup": {"all"}}, {"Nats-Rollup": {"sub"}}, {"Nats-Trace-Dest": {target}},
		{"Nats-Schedule": {"@at 2020-01-01T00:00:00Z"}, "Nats-Schedule-Target": {target}}, {"Nats-TTL": {"1s"}},
		{"Nats-Request-Info": {`{"acc":"x","reply":"` + target + `"}`}}, {"Nats-Expected-Last-Subject-Sequence": {"999999"}},
		{"Nats-Batch-Id": {"b"}, "Nats-Batch-Sequence": {"1"}, "Nats-Batch-Commit": {"1"}}} {
		all = append(all, &nats.Msg{Subject: subject, Header: h, Data: []byte("written")})
	}
	return all
}

// remove removes the consumer created by [requests].
func remove(create string) []*nats.Msg {
	stream, _, _ := strings.Cut(strings.TrimPrefix(create, "CONSUMER.CREATE."), ".")
	return []*nats.Msg{{Subject: "$JS.API.CONSUMER.DELETE." + stream + ".x"}}
}

// batch is a message for the consumer created by [requests], in the form the target expects.
func batch(target string) []*nats.Msg {
	return []*nats.Msg{{Subject: "posture.batch.x.x.x", Data: []byte("for " + target)}}
}

// traced checks that the server reports the path of a message: otherwise the attacks by these reports test nothing.
func (a *attacker) traced() {
	a.t.Helper()
	const own = "of.the.attacker"
	sub, err := a.nc.SubscribeSync(own)
	if err != nil {
		a.t.Fatal(err)
	}
	a.send(&nats.Msg{Subject: own + ".else", Header: nats.Header{"Nats-Trace-Dest": {own}}})
	if _, err := sub.NextMsg(30 * time.Second); err != nil {
		a.t.Errorf("no report of a traced message: %v", err)
	}
	if err := sub.Unsubscribe(); err != nil {
		a.t.Error(err)
	}
}

// settle waits until every sent message has been handled: a stream and JetStream's API answer in order.
func (a *attacker) settle(mayPublish []string) {
	a.t.Helper()
	if err := a.nc.FlushTimeout(time.Minute); err != nil {
		a.t.Fatal(err)
	}
	for _, subject := range mayPublish {
		if !strings.HasPrefix(subject, "$JS.API.STREAM.INFO.") {
			continue
		}
		bustest.Eventually(a.t, "the attack on "+subject+" is over", func() bool {
			m, err := a.nc.Request(subject, nil, 5*time.Second)
			return err == nil && !bytes.Contains(m.Data, []byte(`"error"`))
		})
	}
}

// unharmed checks that since a sequence a stream has gained only messages the role may write, and that it still has its
// earlier messages, except those the role may replace or take.
func unharmed(t *testing.T, operator *bus.Conn, r topology.Role, stream string, since uint64, seeds []seed) {
	t.Helper()
	s, err := operator.JetStreamOf(stream).Stream(t.Context(), stream)
	if err != nil {
		t.Errorf("after the attack: %s: %v", stream, err)
		return
	}
	may := topology.PermissionsOf(r).Publish
	writes := func(subject string) bool {
		return slices.ContainsFunc(may, func(p string) bool { return topology.Includes(p, subject) })
	}
	takes := slices.ContainsFunc(may, func(p string) bool { return strings.HasPrefix(p, "$JS.ACK."+stream+".") })
	for seq := since + 1; seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // written by the role and replaced
		}
		if err != nil {
			t.Errorf("message %d of %s: %v", seq, stream, err)
			return
		}
		// The subjects of POSTURE_STATE are those of the log.
		if !writes(m.Subject) {
			t.Errorf("message %d of %s is on %s: %.200q", seq, stream, m.Subject, m.Data)
		}
	}
	for _, seed := range seeds {
		if seed.stream != stream || takes || writes(seed.subject) {
			continue
		}
		m, err := s.GetMsg(t.Context(), seed.seq)
		if err != nil || m.Subject != seed.subject || !bytes.Equal(m.Data, seed.body) {
			t.Errorf("what was on %s of %s: %+v, %v", seed.subject, stream, m, err)
		}
	}
}

// ends returns the last sequences of the streams.
func ends(t *testing.T, operator *bus.Conn) map[string]uint64 {
	t.Helper()
	all := map[string]uint64{}
	for _, s := range topology.Streams(topology.Options{}) {
		p, err := operator.Position(t.Context(), s.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[s.Name] = p.Last
	}
	return all
}
