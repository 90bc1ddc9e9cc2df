package console_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/console/consoletest"
)

// taped is a page, or an action's form, with what the API answered.
type taped struct {
	pattern, path string
	form          url.Values // nil: a page
	answers       map[string][]answer
	asked         []string // the requests whose answers have texts to try
}

const (
	harmless = "zzqqx"
	hostile  = `zzqqx"'></textarea></title></select><script src=//evil.example></script>` +
		`<img src=x onerror=alert(1)>{{.}}`
	script = "javascript:alert(1)//zzqqx"
)

// Every text in every answer of the API, one at a time, becomes markup: whatever a device list, an application, a
// scoring API or an identity provider can fill is among them, and so are the API's own messages. No page has an element
// or an attribute more than with a harmless text, and no link runs a script.
func TestNoTextBecomesMarkup(t *testing.T) {
	f := apitest.StartFleet(t, apitest.WithConsole)
	members := f.StartConsole()
	api := newTape(t, f.Handler)
	service, at := serve(t, api.url, f.Clock)
	admin := visitor{at, members.Member("ada@example.com", permission.Roles[0].ID)}

	all := recordAll(t, f, service.Pages(), api, admin)
	done := map[string]bool{} // fields that were tried on a page with its pattern
	shown := map[string]bool{}
	person := 0
	for _, page := range all {
		load := func(change func(string, any) any) *consoletest.Page {
			api.play(page.answers, change)
			person++ // the console keeps nothing of another person
			v := visitor{at, "person " + strconv.Itoa(person)}
			if page.form != nil {
				return v.post(t, page.path, page.form)
			}
			return v.get(t, page.path)
		}
		for _, request := range page.asked {
			paths := map[string]bool{}
			for _, a := range page.answers[request] {
				if v, ok := a.json(); ok {
					textsIn(v, "", func(path string) { paths[path] = true })
				}
			}
			for _, path := range slices.Sorted(maps.Keys(paths)) {
				field := kindOf(request) + " " + path
				key := page.pattern + " " + field
				if done[key] {
					continue
				}
				done[key] = true
				with := func(text string, whole bool) *consoletest.Page {
					return load(func(asked string, body any) any {
						if asked != request {
							return body
						}
						return withText(body, path, "", func(was string) string {
							if whole {
								return text
							}
							return was + text
						})
					})
				}
				for _, whole := range []bool{false, true} {
					plain := with(harmless, whole)
					if !strings.Contains(plain.Body, harmless) {
						continue
					}
					if whole {
						leadsNowhereElse(t, page.path, field, with(script, true))
					}
					shown[field] = true
					p := with(hostile, whole).Safe()
					if got, want := skeleton(t, p), skeleton(t, plain); p.Status != plain.Status || !slices.Equal(got, want) {
						t.Errorf("%s with markup in %s: status %d, not %d; elements\n%q, not\n%q", page.path, field, p.Status,
							plain.Status, only(got, want), only(want, got))
					}
				}
			}
		}
	}
	t.Logf("%d pages and forms, %d loads, %d fields shown of %d", len(all), person, len(shown), len(done))
	if len(shown) < 150 {
		t.Errorf("only %d fields are shown: %q", len(shown), slices.Sorted(maps.Keys(shown)))
	}
	for _, want := range mustShow {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(shown)), func(f string) bool { return strings.HasSuffix(f, want) }) {
			t.Errorf("no page shows %s", want)
		}
	}
}

// leadsNowhereElse fails the test if the page has a link to something other than a path of the console.
func leadsNowhereElse(t *testing.T, path, field string, p *consoletest.Page) {
	t.Helper()
	for _, target := range targets(t, p) {
		if !strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "#") && !strings.HasPrefix(target, "?") {
			t.Errorf("%s with a script in %s: a link to %q", path, field, target)
		}
	}
}

// mustShow are the ends of fields that pages show, so that the test tries them.
var mustShow = []string{
	"GET /devices/posture/integration/ID /result/name",
	"GET /plumbline/me /result/email",
	"GET /access/apps /result/*/name",
}

var (
	account = regexp.MustCompile(`^([A-Z]+) /client/v4(/accounts/[0-9a-f]{32})?`)
	anID    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}`)
)

// kindOf returns a request without ids and query.
func kindOf(request string) string {
	request, _, _ = strings.Cut(request, "?")
	return anID.ReplaceAllString(account.ReplaceAllString(request, "$1 "), "ID")
}

// recordAll records a page of each pattern, and then the form of each action.
func recordAll(t *testing.T, f *apitest.Fleet, patterns []string, api *tape, admin visitor) (all []taped) {
	t.Helper()
	posts := postsOf(t, f)
	f.Evaluate(7, 80, proto.OutcomePass)
	f.Fetcher.Report(report)
	api.take()
	admin.get(t, "/overview").Has(http.StatusOK)
	frame := api.take() // what the console asks about a person, and keeps for a while
	record := func(pattern, path string, form url.Values) {
		page := taped{pattern, path, form, maps.Clone(frame), nil}
		own := api.take()
		maps.Copy(page.answers, own)
		page.asked = slices.Sorted(maps.Keys(own))
		all = append(all, page)
	}
	all = append(all, taped{"/overview", "/overview", nil, frame, slices.Sorted(maps.Keys(frame))})
	found := map[string]bool{}
	queue := []string{"/", "/palette?q=o", "/logs", "/logs/access", "/logs/audit"}
	for n := range posts {
		posts[n].complete(t, admin)
		if posts[n].page != "" {
			queue = append(queue, posts[n].page)
		}
	}
	api.take()
	for seen := map[string]bool{}; len(queue) > 0; queue = queue[1:] {
		u, err := url.Parse(queue[0])
		must(t, err)
		pattern := match(patterns, u.Path)
		if pattern == "" || seen[u.Path] || found[pattern] && u.RawQuery == "" && len(queue) > 200 {
			continue
		}
		seen[u.Path], found[pattern] = true, true
		p := admin.get(t, queue[0])
		record(pattern, queue[0], nil)
		for _, target := range targets(t, p) {
			if strings.HasPrefix(target, "/") {
				queue = append(queue, target)
			}
		}
	}
	for _, p := range posts {
		target := admin.post(t, p.path, p.form).Header.Get("Location")
		record("POST "+p.pattern, p.path, p.form)
		if pattern := match(patterns, target); pattern != "" && !found[pattern] {
			found[pattern] = true
			admin.get(t, target)
			record(pattern, target, nil)
		}
	}
	for _, pattern := range patterns {
		if !found[pattern] && !streams.MatchString(pattern) {
			t.Errorf("no page leads to %s", pattern)
		}
	}
	return all
}

// streams are the patterns of live events and downloads, which are no markup.
var streams = regexp.MustCompile(`/(live|export)$`)

// match returns the pattern of a page; the longest one wins, because it has fewer wildcards.
func match(patterns []string, path string) (found string) {
	fewest := 100
	for _, pattern := range patterns {
		is := regexp.MustCompile("^" + wildcard.ReplaceAllString(pattern, "[^/]+") + "$")
		if n := strings.Count(pattern, "{"); is.MatchString(path) && n < fewest && !streams.MatchString(pattern) {
			found, fewest = pattern, n
		}
	}
	return found
}

// report is what a fetcher tells about a test call.
var report = &proto.ProbeReport{
	Request: proto.ProbeMessage{Method: "POST", URL: "https://scores.example.com/", Size: 2, Body: []byte("{}"),
		Header: []proto.ProbeHeader{{Name: "Content-Type", Value: "application/json"}}},
	Credential: proto.ProbeCredential{Sent: true, Detail: "The API accepted it."},
	Connection: &proto.ProbeConnection{Address: "192.0.2.1:443", TLSVersion: "TLS 1.3", CipherSuite: "AES",
		Certificate: &proto.ProbeCertificate{Subject: "CN=scores", Issuer: "CN=authority",
			Names: []string{"scores.example.com"}, NotBefore: proto.At(consoletest.Now),
			NotAfter: proto.At(consoletest.Now.Add(time.Hour)), Trusted: true}},
	Response: &proto.ProbeMessage{Size: 13, Body: []byte(`{"result":{}}`),
		Header: []proto.ProbeHeader{{Name: "Server", Value: "nginx"}}},
	Status: http.StatusOK, Protocol: "HTTP/2.0",
}

// skeleton returns the elements of a page with the names of their attributes.
func skeleton(t *testing.T, p *consoletest.Page) (all []string) {
	t.Helper()
	for n := range parsed(t, p).Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		text := n.Data
		for _, a := range n.Attr {
			text += " " + a.Key
		}
		all = append(all, text)
	}
	return all
}

// targets returns where the links, forms and requests of a page lead.
func targets(t *testing.T, p *consoletest.Page) (all []string) {
	t.Helper()
	for n := range parsed(t, p).Descendants() {
		for _, a := range n.Attr {
			switch a.Key {
			case "href", "src", "action", "formaction", "data-hx-get", "data-hx-post":
				all = append(all, a.Val)
			}
		}
	}
	return all
}

func parsed(t *testing.T, p *consoletest.Page) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(p.Body))
	must(t, err)
	return root
}

// only returns the elements of a that are not in b.
func only(a, b []string) []string {
	count := map[string]int{}
	for _, text := range b {
		count[text]++
	}
	var left []string
	for _, text := range a {
		if count[text]--; count[text] < 0 {
			left = append(left, text)
		}
	}
	return left
}

// The comparison of elements notices markup wherever a template would leave it.
func TestMarkupIsNoticed(t *testing.T) {
	for _, page := range []string{"<p>%</p>", `<p title="%">x</p>`, "<textarea>%</textarea>", "<title>%</title>"} {
		with := func(text string) []string {
			return skeleton(t, &consoletest.Page{TB: t, Body: strings.ReplaceAll(page, "%", text)})
		}
		if slices.Equal(with(harmless), with(hostile)) {
			t.Errorf("markup in %s is not noticed", page)
		}
	}
}
