package plumb_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/plumb"
)

// Dashboards and alerts use existing metrics and labels only, and existing values if a label has a closed list of them.
// Each metric of the services is used by a dashboard or an alert.
func TestDashboardsAndAlertsAskForWhatThereIs(t *testing.T) {
	have := registered(t)
	used := map[string]bool{}
	for _, e := range append(dashboards(t), alerts(t)...) {
		t.Run(e.where, func(t *testing.T) {
			for _, name := range e.check(t, have) {
				used[name] = true
			}
		})
	}
	for name := range have {
		if strings.HasPrefix(name, "plumbline_") && !used[name] {
			t.Errorf("no dashboard or alert shows %s: add it to deploy/grafana or deploy/prometheus", name)
		}
	}
}

// registered returns the labels of every registered metric of the services, with or without a series.
func registered(t *testing.T) map[string][]string {
	t.Helper()
	cfg := config(t, t.TempDir()+"/data")
	// Metrics registered only for dashboards are included.
	cfg.Gateway.TLSCert, cfg.Gateway.TLSKey = selfSigned(t)
	cfg.ConsoleAddr = bustest.FreeAddr(t)
	registry := cli.Metrics()
	s, err := plumb.New(cfg, plumb.Deps{Log: bustest.Log(t), Metrics: registry, Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	stop := bustest.Run(t, s.Run)
	if _, err := s.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc)
	go func() { registry.Describe(descs); close(descs) }()
	have := map[string][]string{"up": nil}
	for d := range descs {
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("not understood: %v", d)
		}
		have[m[1]] = append(labelName.FindAllString(constant.ReplaceAllString(m[2], ""), -1),
			labelName.FindAllString(m[3], -1)...)
	}
	stop()
	return have
}

var (
	described = regexp.MustCompile(
		`^Desc\{fqName: "([^"]+)", help: ".*", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)
	constant  = regexp.MustCompile(`="[^"]*"`)
	labelName = regexp.MustCompile(`[a-zA-Z_]+`)
)

// expression is PromQL, and the labels in the text beside it.
type expression struct {
	where, promql string
	shows         []string
}

func dashboards(t *testing.T) []expression {
	t.Helper()
	var all []expression
	paths, err := filepath.Glob("../../deploy/grafana/dashboards/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no dashboards: %v", err)
	}
	uids := map[string]bool{}
	for _, path := range paths {
		var d struct {
			UID        string
			Title      string
			Templating struct{ List []struct{ Query any } }
			Panels     []struct {
				ID          int
				Title, Type string
				Targets     []struct{ Expr, LegendFormat string }
			}
		}
		data, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(data, &d)
		}
		if err != nil || d.UID == "" || uids[d.UID] || d.Title == "" {
			t.Fatalf("%s: %v, uid %q", path, err, d.UID)
		}
		uids[d.UID] = true
		ids := map[int]bool{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.Title == "" || (p.Type == "row") != (len(p.Targets) == 0) {
				t.Errorf("%s: panel %d %q", path, p.ID, p.Title)
			}
			ids[p.ID] = true
			for _, target := range p.Targets {
				e := expression{where: d.Title + "/" + p.Title,
					promql: strings.NewReplacer("$__rate_interval", "5m", "$integration", ".*").Replace(target.Expr)}
				for _, m := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
					e.shows = append(e.shows, m[1])
				}
				all = append(all, e)
			}
		}
		for _, v := range d.Templating.List {
			if q, ok := v.Query.(map[string]any); ok {
				text := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(q["query"]), "query_result("), ")")
				all = append(all, expression{where: d.Title + "/variable", promql: text})
			}
		}
	}
	return all
}

var (
	legend    = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	annotated = regexp.MustCompile(`\$labels\.(\w+)`)
)

func alerts(t *testing.T) []expression {
	t.Helper()
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	data, err := os.ReadFile("../../deploy/prometheus/rules.yaml")
	if err == nil {
		err = yaml.Unmarshal(data, &rules)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []expression
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if s := r.Labels["severity"]; r.Alert == "" || s != "page" && s != "ticket" || r.Annotations["summary"] == "" ||
				r.Annotations["description"] == "" {
				t.Errorf("alert %q has severity %q and says %v", r.Alert, s, r.Annotations)
			}
			e := expression{where: r.Alert, promql: r.Expr}
			for _, text := range r.Annotations {
				for _, m := range annotated.FindAllStringSubmatch(text, -1) {
					e.shows = append(e.shows, m[1])
				}
			}
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

// TestEachAlertHasACase checks that the tests of the alerts name each of them; promtool runs these tests in CI.
func TestEachAlertHasACase(t *testing.T) {
	data, err := os.ReadFile("../../deploy/prometheus/rules_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// A pattern such as Plumbline.*NotRecorded does not count: the expected samples name the alert.
	for _, e := range alerts(t) {
		if !regexp.MustCompile(`\b` + e.where + `\b`).Match(data) {
			t.Errorf("deploy/prometheus/rules_test.yaml has no case for %s", e.where)
		}
	}
}

// scraped lists the labels added by Prometheus.
var scraped = []string{"instance", "job", "service"}

// closed lists all values of the labels with a closed list of them.
func closed() map[string][]string {
	all := map[string][]string{}
	for _, r := range policy.Reasons() {
		all["plumbline_gateway_decisions_total reason"] = append(all["plumbline_gateway_decisions_total reason"], r.String())
	}
	for _, r := range topology.Roles() {
		all["plumbline_bus_connected role"] = append(all["plumbline_bus_connected role"], string(r))
		for _, metric := range []string{"stream_messages", "stream_bytes", "stream_limit_bytes", "stream_written_total"} {
			all["plumbline_bus_"+metric+" stream"] = append(all["plumbline_bus_"+metric+" stream"], topology.StreamsOf(r)...)
		}
	}
	for _, o := range []proto.Outcome{proto.OutcomePass, proto.OutcomeFail, proto.OutcomeUnknown} {
		all["plumbline_integration_results outcome"] = append(all["plumbline_integration_results outcome"], o.String())
	}
	for _, r := range []proto.Reason{proto.ReasonObserveOnly, proto.ReasonExempt, proto.ReasonGrace, proto.ReasonHeld} {
		const label = "plumbline_integration_enforced_results reason"
		all[label] = append(all[label], r.String())
	}
	return all
}

var (
	token    = regexp.MustCompile(`"[^"]*"|\[[^\]]*\]|[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9.]+|[=!]~|[=!]=|\S`)
	word     = regexp.MustCompile(`^[a-zA-Z_]`)
	suffixed = regexp.MustCompile(`_(bucket|sum|count)$`)
	grouping = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	others   = []string{"and", "or", "unless", "bool", "offset"}
	slopes   = []string{"rate", "increase"}
)

// check reads the names of an expression and returns its metrics. It ignores the grammar: promtool checks it.
func (e expression) check(t *testing.T, have map[string][]string) []string {
	t.Helper()
	var metrics []string
	labels := slices.Clone(scraped)
	tokens := append(token.FindAllString(e.promql, -1), "")
	grouped, values := slices.Clone(e.shows), closed()
	for i := 0; tokens[i] != ""; i++ {
		switch name := tokens[i]; {
		case !word.MatchString(name) || slices.Contains(others, name):
		case slices.Contains(grouping, name):
			for i++; tokens[i] != ")"; i++ {
				if word.MatchString(tokens[i]) {
					grouped = append(grouped, tokens[i])
				}
			}
		case tokens[i+1] == "(" || slices.Contains(grouping, tokens[i+1]): // a function
		default:
			base := name
			if _, ok := have[name]; !ok && suffixed.MatchString(name) {
				base = suffixed.ReplaceAllString(name, "")
				labels = append(labels, "le")
			}
			of, ok := have[base]
			if !ok {
				t.Errorf("no service has the metric %s", name)
			}
			counts := strings.HasSuffix(base, "_total") || base != name
			if sloped := i > 1 && slices.Contains(slopes, tokens[i-2]); counts != sloped {
				t.Errorf("%s is a counter: %v, and asked for its slope: %v", name, counts, sloped)
			}
			metrics, labels = append(metrics, base), append(labels, of...)
			if tokens[i+1] != "{" {
				continue
			}
			for i += 2; tokens[i] != "}"; i++ {
				if !word.MatchString(tokens[i]) || tokens[i] == "" {
					continue
				}
				if !slices.Contains(of, tokens[i]) && !slices.Contains(scraped, tokens[i]) {
					t.Errorf("%s has no label %s", name, tokens[i])
				}
				if known := values[base+" "+tokens[i]]; known != nil {
					for v := range strings.SplitSeq(strings.Trim(tokens[i+2], `"`), "|") {
						if !slices.Contains(known, v) {
							t.Errorf("%s is never %s=%q", name, tokens[i], v)
						}
					}
				}
			}
		}
	}
	for _, l := range grouped {
		if !slices.Contains(labels, l) {
			t.Errorf("%s: nothing in it has the label %s", e.promql, l)
		}
	}
	if len(metrics) == 0 {
		t.Errorf("%q asks for nothing", e.promql)
	}
	return metrics
}
