package isolation_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// A follower knows the name of another follower, and how the names of consumers are formed. It can neither take nor
// acknowledge the other's messages, nor set back or remove its consumer: not by a consumer that delivers to the
// subjects of such requests, and not by replies to its own requests. The same attack succeeds if the consumer's name is
// known.
func TestAHostileFollowerTakesNothingFromOthers(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *bustest.Bus{"one server": bustest.Start,
		"three servers": bustest.Cluster} {
		t.Run(name, func(t *testing.T) { hostileTaker(t, start(t)) })
	}
}

func hostileTaker(t *testing.T, b *bustest.Bus) {
	w := b.LogWriter()
	for range 20 {
		w.Commit()
	}
	bustest.Eventually(t, "the copies are up to date", w.Settled)
	bait := newPrey(t, b.FormerFollower("bait"), "follow_bait")
	victim := newPrey(t, b.Follower("victim"), consumerOf(b, "victim"))
	before := victim.state(t)

	evil := &taker{t: t, Conn: b.Follower("evil"), own: consumerOf(b, "evil")}
	evil.spies(victim.name)
	key := strings.TrimPrefix(evil.own, "follow_evil_")
	guesses := []string{"victim", "follow_victim", "victim_KEY", "follow_victim_KEY", "victim_" + key,
		"follow_victim_" + key}
	for _, guess := range guesses {
		evil.takes(guess)
	}
	on := topology.PostureLog + "." + bait.name
	bustest.Eventually(t, "the attack takes messages of a consumer with a known name", func() bool {
		evil.delivers(topology.PostureLog, "$JS.API.CONSUMER.MSG.NEXT."+on)
		return bait.state(t).Delivered > bait.seen.Delivered
	})
	bustest.Eventually(t, "the attack sets back a consumer with a known name", func() bool {
		evil.delivers(topology.PostureLog, "$JS.API.CONSUMER.RESET."+on)
		return bait.state(t).Delivered < bait.seen.Delivered
	})

	if now := victim.state(t); now != before {
		t.Errorf("the consumer of another follower: %+v before, %+v after", before, now)
	}
}

// consumerOf returns the name of the consumer storing a follower's position.
func consumerOf(b *bustest.Bus, follower string) string {
	return b.Server(0).Authority().FollowerConsumer(follower)
}

// prey is a follower with one received and unacknowledged message.
type prey struct {
	c    *bus.Conn
	name string
	seen consumerState
}

type consumerState struct{ Delivered, Floor, Pending uint64 }

func newPrey(t *testing.T, c *bus.Conn, name string) *prey {
	t.Helper()
	consumer, err := c.JetStream().CreateConsumer(t.Context(), topology.PostureLog, jetstream.ConsumerConfig{
		Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consumer.Next(jetstream.FetchMaxWait(time.Minute)); err != nil {
		t.Fatal(err)
	}
	p := &prey{c: c, name: name}
	p.seen = p.state(t)
	return p
}

// state returns how many messages were delivered and acknowledged, and how many remain.
func (p *prey) state(t *testing.T) (s consumerState) {
	t.Helper()
	bustest.Eventually(t, "consumer "+p.name+" is described", func() bool {
		consumer, err := p.c.JetStream().Consumer(t.Context(), topology.PostureLog, p.name)
		if err != nil {
			return false
		}
		info := consumer.CachedInfo()
		s = consumerState{info.Delivered.Consumer, info.AckFloor.Consumer, info.NumPending}
		return true
	})
	return s
}

// taker attacks the consumers of others with the permissions of a follower.
type taker struct {
	t *testing.T
	*bus.Conn
	own string // its consumer
}

// spies asks for names of consumers, and fails the test if an answer holds the one.
func (a *taker) spies(secret string) {
	a.t.Helper()
	nc := a.NATS()
	inbox, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		a.t.Fatal(err)
	}
	events, err := nc.SubscribeSync(topology.Bell(topology.PostureLog, ">"))
	if err != nil {
		a.t.Fatal(err)
	}
	asks := map[string]string{"$JS.API.INFO": "", "$JS.API.STREAM.LIST": "", "$JS.API.STREAM.NAMES": "",
		"$SYS.REQ.USER.INFO": "", "$SYS.REQ.ACCOUNT.PING.CONNZ": "",
		"$SYS.REQ.SERVER.PING.JSZ": `{"accounts":true,"streams":true,"consumer":true}`}
	for _, s := range []string{topology.PostureLog, topology.PostureState} {
		for _, call := range []string{"CONSUMER.NAMES.", "CONSUMER.LIST.", "STREAM.SNAPSHOT."} {
			asks["$JS.API."+call+s] = ""
		}
		for _, subject := range []string{"*", ">", "follow_victim_*", "follow_victim.>"} {
			asks["$JS.API.CONSUMER.INFO."+s+"."+subject] = ""
		}
		asks["$JS.API.STREAM.INFO."+s] = `{"deleted_details":true,"subjects_filter":">"}`
	}
	for subject, body := range asks {
		m := &nats.Msg{Subject: subject, Reply: inbox.Subject, Data: []byte(body),
			Header: nats.Header{"Nats-Trace-Dest": {inbox.Subject}}}
		if err := nc.PublishMsg(m); err != nil {
			a.t.Fatal(err)
		}
	}
	a.barrier()
	for _, sub := range []*nats.Subscription{inbox, events} {
		for {
			m, err := sub.NextMsg(10 * time.Millisecond)
			if err != nil {
				break
			}
			if text := fmt.Sprint(m.Subject, m.Reply, m.Header, string(m.Data)); strings.Contains(text, secret) {
				a.t.Errorf("a follower learns the name of another's consumer: %s", text)
			}
		}
	}
}

// barrier returns when the stream's leaders have answered a request sent after everything else.
func (a *taker) barrier() {
	a.t.Helper()
	for _, s := range []string{topology.PostureLog, topology.PostureState} {
		bustest.Eventually(a.t, "the attack on "+s+" was handled", func() bool {
			_, err := a.JetStream().Stream(a.t.Context(), s)
			return err == nil
		})
	}
}

// takes attacks a consumer of the log, given its name.
func (a *taker) takes(name string) {
	a.t.Helper()
	on := topology.PostureLog + "." + name
	next, ack := "$JS.API.CONSUMER.MSG.NEXT."+on, "$JS.ACK."+on+".1.1.1.1700000000000000000.0"
	targets := []string{next, ack, "$JS.API.CONSUMER.DELETE." + on, "$JS.API.CONSUMER.PAUSE." + on,
		"$JS.API.CONSUMER.RESET." + on, "$JS.API.CONSUMER.UNPIN." + on, "$JS.API.CONSUMER.LEADER.STEPDOWN." + on}
	a.replies(topology.PostureLog, targets)
	for _, target := range targets {
		a.delivers(topology.PostureLog, target)
		if err := a.NATS().Publish(target, nil); err != nil { // not permitted
			a.t.Fatal(err)
		}
	}
	a.barrier()
}

// delivers has a consumer send the messages of a stream, without their content, to a subject.
func (a *taker) delivers(stream, target string) {
	a.t.Helper()
	create := fmt.Sprintf(
		`{"stream_name":%q,"config":{"name":%q,"durable_name":%[2]q,"deliver_subject":%q,"headers_only":true,`+
			`"ack_policy":"explicit","ack_wait":1000000}}`, stream, a.own, target)
	var made struct {
		Error *struct{ Description string } `json:"error"`
	}
	a.asks("CONSUMER.CREATE."+stream+"."+a.own, create, &made)
	if made.Error != nil {
		a.t.Fatalf("the consumer delivering to %s: %s", target, made.Error.Description)
	}
	for range 100 {
		var info struct {
			Delivered struct {
				Consumer uint64 `json:"consumer_seq"`
			} `json:"delivered"`
			Bound bool `json:"push_bound"`
		}
		a.asks("CONSUMER.INFO."+stream+"."+a.own, "", &info)
		if !info.Bound || info.Delivered.Consumer > 0 {
			break // nobody listens, or the attack was made
		}
	}
	a.asks("CONSUMER.DELETE."+stream+"."+a.own, "", &struct{}{})
}

// asks sends a request of the JetStream API until it is answered.
func (a *taker) asks(call, body string, answer any) {
	a.t.Helper()
	bustest.Eventually(a.t, call+" is answered", func() bool {
		m, err := a.NATS().Request("$JS.API."+call, []byte(body), 5*time.Second)
		return err == nil && json.Unmarshal(m.Data, answer) == nil
	})
}

// replies has the server answer requests of the follower to the targets.
func (a *taker) replies(stream string, targets []string) {
	a.t.Helper()
	pull := fmt.Sprintf(
		`{"stream_name":%q,"config":{"name":%q,"durable_name":%[2]q,"ack_policy":"explicit","headers_only":true}}`, stream, a.own)
	a.asks("CONSUMER.CREATE."+stream+"."+a.own, pull, &struct{}{})
	for _, ask := range [][2]string{
		{"STREAM.INFO." + stream, ""}, {"STREAM.MSG.GET." + stream, `{"seq":1}`}, {"DIRECT.GET." + stream, `{"seq":9999999}`},
		{"DIRECT.GET." + stream, `{"seq":1,"batch":5}`}, {"CONSUMER.INFO." + stream + "." + a.own, ""},
		{"CONSUMER.MSG.NEXT." + stream + "." + a.own, `{"batch":5,"no_wait":true}`},
		{"CONSUMER.MSG.NEXT." + stream + "." + a.own, `{"batch":5,"expires":1000000,"idle_heartbeat":500000}`},
	} {
		for _, target := range targets {
			if err := a.NATS().PublishRequest("$JS.API."+ask[0], target, []byte(ask[1])); err != nil {
				a.t.Fatal(err)
			}
		}
	}
	a.asks("CONSUMER.DELETE."+stream+"."+a.own, "", &struct{}{})
}

// Other followers cannot compute the names of consumers.
func TestTheConsumersOfFollowersHaveSecretNames(t *testing.T) {
	one, other := bustest.Start(t), bustest.Start(t)
	names := []string{consumerOf(one, "soc"), consumerOf(one, "siem"), consumerOf(other, "soc")}
	for _, name := range names {
		key := name[strings.LastIndex(name, "_")+1:]
		if len(key) != 16 {
			t.Errorf("consumer %s: the secret part has %d characters instead of 16", name, len(key))
		}
		if slices.ContainsFunc(names, func(n string) bool { return n != name && strings.HasSuffix(n, key) }) {
			t.Errorf("consumer %s shares its secret part with another of %v", name, names)
		}
	}
	if again := consumerOf(one, "soc"); again != names[0] {
		t.Errorf("consumer %s, then %s: a follower created again would lose its position", names[0], again)
	}
}
