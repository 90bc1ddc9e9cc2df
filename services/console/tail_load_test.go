package console_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/console"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
)

// Bounds of what ten consoles with a live tail add to a poll. Each looks every two seconds, however many pages arrive
// meanwhile.
const (
	consoles        = 10
	lookEvery       = 2 * time.Second
	requestsOfALook = 2      // for the newest line, and if that is new for the newest 100
	messagesOfALook = 30     // that the api reads for these
	bytesOfALook    = 12_000 // that the api reads for these, without the entry and the devices of the page
	readsOfAPage    = 3      // by the api for all of them, of its entry and of its devices
	changesOfAPage  = 20
	pagesOfAPoll    = 5
)

// Ten people follow the posture log while a poll's pages arrive. What the api and the bus do for them is bounded by
// their looks, and the entry of a page is read for all of them together.
func TestTenLiveTailsBesideAPoll(t *testing.T) {
	f := apitest.Start(t)
	f.StorePages(pagesOfAPoll)
	p := newPoll(t, f)
	var requests atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		f.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)
	hand := clock.NewFake(f.Clock.Now()) // of the console
	service, err := console.New(console.Config{Addr: "127.0.0.1:0", APIURL: api.URL},
		console.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: hand})
	must(t, err)
	front := httptest.NewServer(service.Handler())
	t.Cleanup(func() { front.CloseClientConnections(); front.Close() })

	before := f.Link.NATS().Stats()
	p.commit(t, 0)
	bustest.Eventually(t, "the api has the page", func() bool {
		list, _ := f.List("/plumbline/status")
		poll, _ := list[0]["poll"].(map[string]any)
		return poll != nil && poll["done_pages"] == 1.0
	})
	after := f.Link.NATS().Stats()
	alone := after.InBytes - before.InBytes
	var tails []*tailed
	for range consoles {
		token := f.StoreToken(nil, apitest.GroupIDs(func(permission.Group) bool { return true })...)
		tails = append(tails, follow(t, front.URL, token))
	}
	have := func(text string, n int) func() bool {
		return func() bool {
			lacks := func(l *tailed) bool { return l.count(text) < n }
			return hand.Due(lookEvery) >= consoles && !slices.ContainsFunc(tails, lacks)
		}
	}
	bustest.Eventually(t, "each console has the newest page and will look", have("innerHTML:#rows", 1))
	for page := 1; page < pagesOfAPoll; page++ {
		size := p.commit(t, page)
		before, asked := f.Link.NATS().Stats(), requests.Load()
		hand.Advance(lookEvery)
		bustest.Eventually(t, "each console has the changes of the page", have(p.name(page), changesOfAPage))
		after := f.Link.NATS().Stats()
		messages, bytes := after.InMsgs-before.InMsgs, after.InBytes-before.InBytes
		t.Logf("page %d of %d bytes: with %d consoles the api read %d bytes in %d messages, for %d requests; alone %d bytes",
			page, size, consoles, bytes, messages, requests.Load()-asked, alone)
		if n := requests.Load() - asked; n != requestsOfALook*consoles {
			t.Errorf("page %d: %d requests to the api", page, n)
		}
		most := alone + uint64(readsOfAPage*size+bytesOfALook*consoles) //nolint:gosec // small
		if messages > messagesOfALook*consoles || bytes > most {
			t.Errorf("page %d: the api read %d messages, %d bytes", page, messages, bytes)
		}
	}
}

// poll stores entries of full pages.
type poll struct {
	f           *apitest.Fixture
	integration proto.ID
	check       proto.ID
}

func newPoll(t *testing.T, f *apitest.Fixture) *poll {
	i := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	c := f.Want(200, "POST", "/devices/posture", apitest.CheckBody(i["id"]))
	return &poll{f, apitest.ID(i), apitest.ID(c)}
}

// name begins the names of the devices of a page.
func (p *poll) name(page int) string { return ">laptop-" + strconv.Itoa(page) + "-" }

// commit stores the entry of a page in which some devices change. It returns the bytes of the entry and of the devices.
func (p *poll) commit(t *testing.T, page int) int {
	t.Helper()
	n := topology.PageNumber(page) //nolint:gosec // small
	var devices proto.Page
	_, err := p.f.Conn.Get(t.Context(), topology.Devices, topology.PageKey(p.f.Account, n), &devices)
	must(t, err)
	now := proto.At(p.f.Clock.Now())
	e := &proto.Entry{Tick: uint64(page) + 1, EvaluatedAt: now, Checks: []proto.CheckRef{{ID: p.check, Revision: 1}},
		Poll: proto.Poll{At: now, Status: 200}}
	c := &proto.Change{Index: 1, Integration: p.integration, Tick: e.Tick, At: now}
	for i := range devices.Devices {
		v := proto.Verdict{Outcome: proto.OutcomePass, Reason: proto.ReasonScore, Observed: proto.OutcomePass}
		if i < changesOfAPage {
			v.Outcome, v.Observed = proto.OutcomeFail, proto.OutcomeFail
			c.Devices = append(c.Devices, proto.ChangedDevice{Device: devices.Devices[i].ID, From: proto.OutcomePass,
				Reason: proto.ReasonScore, Score: i})
		}
		e.Results = append(e.Results, proto.Result{Device: devices.Devices[i].ID, Score: i % 101, ObservedAt: now,
			S2SID: "agent-" + devices.Devices[i].ID.String(), Verdicts: []proto.Verdict{v}})
	}
	ref := topology.PageRef{Account: p.f.Account, Integration: p.integration, Page: n}
	body, err := proto.Marshal(e)
	must(t, err)
	names, err := proto.Marshal(&devices)
	must(t, err)
	_, err = p.f.Conn.Commit(t.Context(), []bus.Outgoing{
		{Subject: topology.Log(ref), Body: e, Header: e.Headers(map[proto.ID]int{p.check: changesOfAPage})},
		{Subject: topology.Change(p.f.Account, p.check, proto.OutcomeFail, n), Body: c}})
	must(t, err)
	return len(body) + len(names)
}

// tailed is the live tail of a person.
type tailed struct {
	mu   sync.Mutex
	text strings.Builder
}

// count returns how often a text has come.
func (l *tailed) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// follow logs in with an API token, opens the posture log with its live tail, and follows that as htmx does.
func follow(t *testing.T, front, token string) *tailed {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	login, err := browser.PostForm(front+"/login", url.Values{"token": {token}})
	must(t, err)
	login.Body.Close()
	cookies := login.Cookies()
	if len(cookies) == 0 {
		t.Fatalf("no session: status %d", login.StatusCode)
	}
	get := func(path string, header ...string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front+path, nil)
		must(t, err)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		for n := 0; n < len(header); n += 2 {
			r.Header.Set(header[n], header[n+1])
		}
		resp, err := browser.Do(r)
		must(t, err)
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	if page := get("/logs/posture?tail=on"); page.StatusCode != http.StatusOK {
		t.Fatalf("the log: status %d", page.StatusCode)
	}
	events := get("/logs/posture/live?tail=on", "HX-Request", "true")
	if kind := events.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("the tail: status %d, %s", events.StatusCode, kind)
	}
	tail := new(tailed)
	go func() {
		for scan := bufio.NewScanner(events.Body); scan.Scan(); {
			tail.mu.Lock()
			tail.text.WriteString(scan.Text() + "\n")
			tail.mu.Unlock()
		}
	}()
	return tail
}
