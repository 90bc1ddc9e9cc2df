package console_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/plumb/client"
)

// A member who may only read posts the form of every action of the console, complete and valid. The control plane
// rejects what would change something, and no stream or bucket has one message more. Then an administrator posts the
// same forms, and each does what it is for: the forms were good, and only the role stopped them.
func TestAReadOnlyMemberChangesNothing(t *testing.T) {
	f := apitest.StartFleet(t, apitest.WithConsole)
	members := f.StartConsole()
	api := watch(t, f.Handler)
	service, at := serve(t, api.url, f.Clock)
	admin := visitor{at, members.Member("ada@example.com", permission.Roles[0].ID)}
	reader := visitor{at, members.Member("ron@example.com", permission.Roles[2].ID)}

	posts := postsOf(t, f)
	covered := map[string]bool{}
	for n := range posts {
		covered[posts[n].pattern] = true
		posts[n].complete(t, admin)
	}
	for _, pattern := range service.Actions() {
		if !covered[pattern] {
			t.Errorf("the action %s is new: add its form to postsOf", pattern)
		}
	}

	api.take()
	before := written(t, f.Bus)
	for _, p := range posts {
		page := reader.post(t, p.path, p.form)
		asked := api.take()
		if page.Status >= http.StatusInternalServerError {
			t.Errorf("%s: %d %s", p.path, page.Status, page.Text())
		}
		if !p.asks && len(asked) == 0 {
			t.Errorf("%s: nothing reached the control plane: %d %s", p.path, page.Status, page.Text())
		}
		for _, a := range asked {
			if a.status != http.StatusForbidden {
				t.Errorf("%s of a read-only member: %s: %d", p.path, a.what, a.status)
			}
		}
	}
	if after := written(t, f.Bus); !maps.Equal(before, after) {
		t.Errorf("a read-only member changed the streams\n%v to\n%v", before, after)
	}

	// What the services write after an action must not be taken for an effect of a question.
	slices.SortStableFunc(posts, func(a, b aPost) int {
		switch {
		case a.asks == b.asks:
			return 0
		case a.asks:
			return -1
		}
		return 1
	})
	for _, p := range posts {
		before := written(t, f.Bus)
		page := admin.post(t, p.path, p.form)
		asked := api.take()
		if page.Status >= http.StatusBadRequest {
			t.Errorf("%s of an administrator: %d %s", p.path, page.Status, page.Text())
		}
		for _, a := range asked {
			if a.status >= http.StatusBadRequest {
				t.Errorf("%s of an administrator: %s: %d", p.path, a.what, a.status)
			}
		}
		if after := written(t, f.Bus); maps.Equal(before, after) != p.asks {
			t.Errorf("%s of an administrator: the streams were\n%v and are\n%v", p.path, before, after)
		}
	}
}

// visitor is a member who comes through the gateway.
type visitor struct {
	at        string // URL of the console
	assertion string
}

func (v visitor) get(t *testing.T, path string) *consoletest.Page {
	t.Helper()
	return v.ask(t, http.MethodGet, path, "")
}

func (v visitor) post(t *testing.T, path string, form url.Values) *consoletest.Page {
	t.Helper()
	return v.ask(t, http.MethodPost, path, form.Encode())
}

func (v visitor) ask(t *testing.T, method, path, body string) *consoletest.Page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, v.at+path, strings.NewReader(body))
	must(t, err)
	r.Header.Set(client.HeaderAssertion, v.assertion)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	must(t, err)
	return consoletest.Read(t, resp)
}

// watched notes the requests to the api that may change something.
type watched struct {
	url string

	mu  sync.Mutex
	all []attempt
}

type attempt struct {
	what   string // method and path
	status int
}

// questions are requests that post and yet change nothing. That they change nothing is tested like all else.
var questions = regexp.MustCompile(`/plumbline/checks/try$|/plumbline/devices/count$`)

func watch(t *testing.T, api http.Handler) *watched {
	t.Helper()
	w := &watched{}
	inner := httptest.NewServer(api)
	t.Cleanup(inner.Close)
	target, err := url.Parse(inner.URL)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method != http.MethodGet && !questions.MatchString(r.Request.URL.Path) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.all = append(w.all, attempt{r.Request.Method + " " + r.Request.URL.Path, r.StatusCode})
		}
		return nil
	}
	outer := httptest.NewServer(proxy)
	t.Cleanup(outer.Close)
	w.url = outer.URL
	return w
}

// take returns the requests since the last call.
func (w *watched) take() []attempt {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all
	w.all = nil
	return all
}

// written returns the newest sequence and the number of messages of each stream. Each bucket is one.
func written(t *testing.T, b *bustest.Bus) map[string]string {
	t.Helper()
	all := map[string]string{}
	streams := b.Conn(topology.Operator).JetStream().ListStreams(t.Context())
	for s := range streams.Info() {
		all[s.Config.Name] = fmt.Sprintf("%d messages up to %d", s.State.Msgs, s.State.LastSeq)
	}
	must(t, streams.Err())
	if names := slices.Collect(maps.Keys(all)); !slices.Contains(names, topology.BucketStream(topology.Config)) {
		t.Fatalf("the streams are %q", names)
	}
	return all
}
