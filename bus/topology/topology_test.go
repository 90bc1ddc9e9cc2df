package topology_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

var update = flag.Bool("update", false, "write the golden files and the table in bus/README.md")

var root = filepath.Join("..", "..")

// The bus changes on purpose only: a change of the table shows in these files.
func TestTheTableIsAsItsGoldenFilesSay(t *testing.T) {
	type consumer struct {
		Stream string
		Config jetstream.ConsumerConfig
	}
	var durables []consumer
	for _, d := range topology.Durables() {
		durables = append(durables, consumer(d))
	}
	permissions := make(map[topology.Role]topology.Permissions)
	for _, r := range topology.Roles() {
		permissions[r] = topology.PermissionsOf(r)
	}
	golden(t, filepath.Join("testdata", "streams.json"), indented(t, topology.Streams(topology.Options{})))
	golden(t, filepath.Join("testdata", "durables.json"), indented(t, durables))
	golden(t, filepath.Join("testdata", "subjects.md"), []byte(topology.Markdown()))
	golden(t, filepath.Join(root, "deploy", "nats", "permissions.json"), indented(t, permissions))
	type account struct {
		JetStream bool              `json:"jetstream,omitempty"`
		Exports   []topology.Share  `json:"exports"`
		Imports   []topology.Import `json:"imports"`
	}
	accounts := make(map[topology.Zone]account)
	for _, z := range topology.Zones() {
		accounts[z] = account{z.JetStream(), z.Shares(), z.Imports()}
	}
	golden(t, filepath.Join(root, "deploy", "nats", "accounts.json"), indented(t, accounts))
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, got, 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if line, ok := firstDifference(want, got); !ok {
		t.Errorf("%s is not what the table says, from line %d on; go test ./topology -update writes it anew", path, line)
	}
}

func firstDifference(a, b []byte) (line int, same bool) {
	linesA, linesB := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(linesA), len(linesB)) {
		if !bytes.Equal(linesA[i], linesB[i]) {
			return i + 1, false
		}
	}
	return min(len(linesA), len(linesB)) + 1, len(linesA) == len(linesB)
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bus/README.md contains the table between two markers.
func TestTheReadmeShowsTheTable(t *testing.T) {
	const begin, end = "<!-- subjects: made from bus/topology -->\n", "<!-- /subjects -->"
	path := filepath.Join(root, "bus", "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	shown, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("bus/README.md has no table of subjects between %q and %q", strings.TrimSpace(begin), end)
	}
	want := "\n" + topology.Markdown() + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown != want {
		t.Error("the table in bus/README.md is out of date; go test ./topology -update writes it")
	}
}

func TestEveryStreamAndDurableOfTheTableIsThere(t *testing.T) {
	streams := make(map[string]jetstream.StreamConfig)
	for _, s := range topology.Streams(topology.Options{}) {
		if _, twice := streams[s.Name]; twice {
			t.Errorf("stream %s is there twice", s.Name)
		}
		if s.Description == "" {
			t.Errorf("stream %s says nothing of itself", s.Name)
		}
		streams[s.Name] = s
	}
	for _, f := range topology.Flows() {
		if _, ok := streams[f.Stream]; f.Stream != "" && !ok {
			t.Errorf("%s goes to stream %s, which is not there", f.Subject, f.Stream)
		}
	}
	for _, d := range topology.Durables() {
		if _, ok := streams[d.Stream]; !ok {
			t.Errorf("consumer %s is on stream %s, which is not there", d.Config.Durable, d.Stream)
		}
		if d.Config.MaxDeliver != -1 {
			t.Errorf("consumer %s gives up after %d deliveries: a message would hold its subject for ever", d.Config.Durable,
				d.Config.MaxDeliver)
		}
	}
	for name, s := range streams {
		if s.Storage != jetstream.FileStorage {
			t.Errorf("stream %s is not on file", name)
		}
	}
}

// Two streams may not take the same subject; the server would refuse the second.
func TestStreamsShareNoSubject(t *testing.T) {
	type owned struct{ stream, subject string }
	var all []owned
	for _, s := range topology.Streams(topology.Options{}) {
		for _, subject := range s.Subjects {
			all = append(all, owned{s.Name, subject})
		}
	}
	for i, a := range all {
		for _, b := range all[i+1:] {
			if overlap(a.subject, b.subject) {
				t.Errorf("%s of %s overlaps %s of %s", a.subject, a.stream, b.subject, b.stream)
			}
		}
	}
}

// overlap tells whether a subject can match both.
func overlap(a, b string) bool {
	ta, tb := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(ta), len(tb)) {
		if ta[i] == ">" || tb[i] == ">" {
			return true
		}
		if ta[i] != tb[i] && ta[i] != "*" && tb[i] != "*" {
			return false
		}
	}
	return len(ta) == len(tb)
}

// The permissions to publish. The rows are the most harmful ones to grant by mistake.
func TestNoRoleMayDoMoreThanItsPart(t *testing.T) {
	for _, r := range topology.Roles() {
		if r == topology.Operator {
			continue
		}
		p := topology.PermissionsOf(r)
		for _, allowed := range slices.Concat(p.Publish, p.Subscribe) {
			if allowed == ">" || strings.HasPrefix(allowed, "*") || strings.HasPrefix(allowed, "$JS.API.>") {
				t.Errorf("%s is allowed %s", r, allowed)
			}
			for _, call := range []string{"$JS.API.STREAM.CREATE", "$JS.API.STREAM.UPDATE", "$JS.API.STREAM.DELETE",
				"$JS.API.STREAM.PURGE", "$JS.API.STREAM.MSG.DELETE", "$JS.API.STREAM.RESTORE"} {
				if overlap(call+".>", allowed) {
					t.Errorf("%s is allowed %s: only the operator changes streams", r, allowed)
				}
			}
		}
		for _, rule := range []struct {
			subject string
			roles   []topology.Role
		}{
			{"posture.log.>", []topology.Role{topology.Evaluator}},
			{"posture.change.>", []topology.Role{topology.Evaluator}},
			{topology.BucketSubject(topology.Keys, ">"), []topology.Role{topology.Exchange}},
			{topology.BucketSubject(topology.Devices, ">"), []topology.Role{topology.Registry}},
			{topology.BucketSubject(topology.Config, ">"), []topology.Role{topology.API}},
			{"audit.>", []topology.Role{topology.API}},
			{topology.BucketSubject(topology.Deliveries, ">"), []topology.Role{topology.Dispatcher}},
			{topology.BucketSubject(topology.Sessions, ">"), []topology.Role{topology.Gateway}},
			{topology.BucketSubject(topology.Tokens, ">"), []topology.Role{topology.API, topology.Exchange}},
			{topology.BucketSubject(topology.TokenUses, ">"), []topology.Role{topology.API, topology.Exchange, topology.Gateway}},
		} {
			if may := allows(p.Publish, rule.subject); may != slices.Contains(rule.roles, r) {
				t.Errorf("%s may publish to %s: %v; who may is %v", r, rule.subject, may, rule.roles)
			}
		}
		if r != topology.Exchange && (allows(p.Publish, "$JS.API.DIRECT.GET.KV_"+topology.Keys+".>") ||
			allows(p.Publish, "$JS.API.CONSUMER.CREATE.KV_"+topology.Keys+".>") ||
			allows(p.Publish, "$JS.API.STREAM.MSG.GET.KV_"+topology.Keys) ||
			allows(p.Publish, "$JS.API.DIRECT.GET.KV_"+topology.Keys) ||
			allows(p.Subscribe, "bell.KV_"+topology.Keys+".>")) {
			t.Errorf("%s may read the signing keys", r)
		}
		for _, other := range topology.Roles() {
			if other != r && allows(p.Subscribe, other.InboxPrefix()+".>") {
				t.Errorf("%s may listen on the inboxes of %s", r, other)
			}
		}
	}
}

// A writer of a stream with atomic batches can keep open all batches of the stream's limit. Other roles
// with batches there are then blocked. Two streams have a second writer, which could hinder the api.
func TestStreamsWithBatchesHaveOneWriter(t *testing.T) {
	second := map[string]topology.Role{topology.BucketStream(topology.Tokens): topology.Exchange,
		topology.BucketStream(topology.Holds): topology.Evaluator}
	for _, s := range topology.Streams(topology.Options{}) {
		if !s.AllowAtomicPublish {
			continue
		}
		var writers []topology.Role
		for _, r := range topology.Roles() {
			if r == topology.Operator || r == second[s.Name] {
				continue
			}
			may := topology.PermissionsOf(r).Publish
			if slices.ContainsFunc(s.Subjects, func(subject string) bool { return allows(may, subject) }) {
				writers = append(writers, r)
			}
		}
		if len(writers) != 1 {
			t.Errorf("%s has atomic batches and the writers %v", s.Name, writers)
		}
	}
}

func allows(permissions []string, subject string) bool {
	return slices.ContainsFunc(permissions, func(p string) bool { return overlap(p, subject) })
}

func ExampleMarkdown() {
	first, _, _ := strings.Cut(topology.Markdown(), "\n")
	fmt.Println(first)
	// Output: | Subject | Stream | Keeps | From → to | One message is |
}

// Whoever may create a consumer has the server deliver to any subject: of our own services the fetcher alone does,
// on the stream of its batches. The others read by sequence.
func TestOurRolesCreateNoConsumers(t *testing.T) {
	for _, r := range topology.Roles() {
		if r == topology.Operator || r == topology.Follower {
			continue
		}
		for _, s := range topology.Streams(topology.Options{}) {
			if r == topology.Fetcher && s.Name == topology.PostureBatches {
				continue
			}
			for _, call := range []string{"$JS.API.CONSUMER.CREATE." + s.Name, "$JS.API.CONSUMER.CREATE." + s.Name + ".>",
				"$JS.API.CONSUMER.DURABLE.CREATE." + s.Name + ".>", "$JS.API.CONSUMER.DELETE." + s.Name + ".>"} {
				if allows(topology.PermissionsOf(r).Publish, call) {
					t.Errorf("%s is allowed %s", r, call)
				}
			}
		}
	}
}
