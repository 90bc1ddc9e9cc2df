package apply_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/document"
)

// account is a control plane in memory: it gives ids, keeps secrets to itself, sets a default, and refuses
// what refers to nothing.
type account struct {
	t     *rapid.T
	has   apply.State
	made  int
	at    map[string]int // revisions
	order []string
}

func (a *account) find(k client.Kind, id string) int {
	return slices.IndexFunc(a.has[k], func(o client.Object) bool { return o.ResourceID() == id })
}

func (a *account) Get(_ context.Context, k client.Kind, id string) (client.Object, string, error) {
	n := max(a.find(k, id), 0)
	return a.has[k][n], fmt.Sprint(a.at[id]), nil
}

func (a *account) take(k client.Kind, body any) client.Object {
	text, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	var o client.Object
	if err := json.Unmarshal(text, &o); err != nil {
		a.t.Fatal(err)
	}
	if config, ok := o["config"].(map[string]any); ok {
		delete(config, "client_secret")
		delete(config, "access_client_secret")
	}
	if policies, ok := o["policies"].([]any); ok {
		for n, p := range policies {
			link := p.(map[string]any)
			if own := link["include"] != nil; own {
				link["reusable"], link["created_at"] = false, "now"
				continue
			}
			i := a.find(client.KindPolicy, link["id"].(string))
			if i < 0 {
				a.t.Fatalf("a link to %v, which is not there", link)
			}
			shown := map[string]any{"reusable": true, "precedence": link["precedence"]}
			for name, v := range a.has[client.KindPolicy][i] {
				shown[name] = v
			}
			policies[n] = shown
		}
	}
	err = apply.Refs(k, o, func(to client.Kind, id string) (string, error) {
		if to != client.KindTag && !strings.Contains(string(to), ".") && a.find(to, id) < 0 {
			return "", fmt.Errorf("%s refers to %s %s, which is not there", k, to, id)
		}
		return id, nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return o
}

func (a *account) Create(_ context.Context, k client.Kind, body any) (client.Object, error) {
	o := a.take(k, body)
	a.made++
	o["id"] = fmt.Sprintf("00000000-0000-4000-8000-%012d", a.made)
	if k == client.KindServiceToken {
		o["client_id"], o["client_secret"] = fmt.Sprintf("%032d.access", a.made), "whisper"
	}
	if k == client.KindApplication && o["session_duration"] == nil {
		o["session_duration"] = "24h"
	}
	kept := client.Object{}
	for name, v := range o {
		if name != "client_secret" {
			kept[name] = v
		}
	}
	a.has[k] = append(a.has[k], kept)
	a.order = append(a.order, string(k)+"/"+o.ResourceName())
	return o, nil
}

func (a *account) Replace(_ context.Context, k client.Kind, id, revision string, body any) (client.Object, error) {
	o := a.take(k, body)
	n := a.find(k, id)
	old := a.has[k][n]
	if fmt.Sprint(a.at[id]) != revision {
		return nil, &client.Error{Status: http.StatusPreconditionFailed}
	}
	merging := k == client.KindIntegration || k == client.KindServiceToken || k == client.KindOrganization
	for name, v := range old {
		if _, said := o[name]; !said && (merging || name == "id" || name == "client_id") {
			o[name] = v
		}
	}
	a.at[id]++
	a.has[k][n] = o
	return o, nil
}

func (a *account) Delete(_ context.Context, k client.Kind, id string) error {
	a.has[k] = slices.DeleteFunc(a.has[k], func(o client.Object) bool { return o.ResourceID() == id })
	return nil
}

func secrets(_, name, _ string) (string, error) {
	if name == "HOST" {
		return "h.example.com", nil
	}
	return "whisper", nil
}

func ref(prefix string, n int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s%d", prefix, rapid.IntRange(0, n-1).Draw(t, prefix))
	})
}

// documents draws some documents of every kind with references to one another; groups refer to earlier groups.
func documents(t *rapid.T) []document.Document {
	const each = 3
	var docs []document.Document
	add := func(k client.Kind, name string, spec map[string]any) {
		docs = append(docs,
			document.Document{Kind: string(k), Name: name, Spec: spec, Source: fmt.Sprintf("f:%d", len(docs)+1)})
	}
	durations := rapid.SampledFrom([]string{"1h", "2h", "24h"})
	rule := func(groups int) map[string]any {
		kinds := []map[string]any{
			{"everyone": map[string]any{}},
			{"email": map[string]any{"email": rapid.SampledFrom([]string{"a@x", "b@x"}).Draw(t, "email")}},
			{"service_token": map[string]any{"token_id": ref("token", each).Draw(t, "t")}},
			{"device_posture": map[string]any{"integration_uid": ref("check", each).Draw(t, "c")}},
			{"login_method": map[string]any{"id": ref("idp", each).Draw(t, "i")}},
		}
		if groups > 0 {
			kinds = append(kinds, map[string]any{"group": map[string]any{"id": ref("group", groups).Draw(t, "g")}})
		}
		return rapid.SampledFrom(kinds).Draw(t, "rule")
	}
	some := func(groups int) []any {
		return []any{rule(groups), rule(groups)}[:rapid.IntRange(1, 2).Draw(t, "rules")]
	}
	for n := range each {
		name := fmt.Sprint(n)
		add(client.KindZone, "zone"+name, map[string]any{"x_host_suffixes": []any{name}})
		add(client.KindTag, "tag"+name, map[string]any{})
		add(client.KindServiceToken, "token"+name, map[string]any{"duration": durations.Draw(t, "d")})
		add(client.KindIdentityProvider, "idp"+name,
			map[string]any{"type": "oidc", "config": map[string]any{"client_id": "us", "client_secret": "${env:A}"}})
		add(client.KindIntegration, "integration"+name,
			map[string]any{"interval": durations.Draw(t, "i"), "config": map[string]any{
				"access_client_id": ref("token", each).Draw(t, "t"), "access_client_secret": "${file:a}",
				"api_url": "https://${env:HOST}/"}})
		add(client.KindCheck, "check"+name,
			map[string]any{"input": map[string]any{"connection_id": ref("integration", each).Draw(t, "i"),
				"score": json.Number(fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "score")))}})
		add(client.KindGroup, "group"+name, map[string]any{"include": some(n)})
		add(client.KindPolicy, "policy"+name,
			map[string]any{"decision": "allow", "include": some(each), "require": some(each)})
		policies := []any{ref("policy", each).Draw(t, "p"),
			map[string]any{"name": "own", "decision": "deny", "include": some(each)}}
		add(client.KindApplication, "app"+name,
			map[string]any{"domain": "h" + durations.Draw(t, "host"), "policies": policies[:rapid.IntRange(0, 2).Draw(t, "n")],
				"allowed_idps": []any{ref("idp", each).Draw(t, "i")}})
	}
	add(client.KindOrganization, "", map[string]any{"session_duration": durations.Draw(t, "o")})
	return rapid.Permutation(docs).Draw(t, "docs")
}

func newAccount(t *rapid.T) *account {
	return &account{t: t, at: map[string]int{}, has: apply.State{client.KindOrganization: {{"session_duration": nil}}}}
}

func (a *account) plan(docs []document.Document, o apply.Options) *apply.Plan {
	p, err := apply.New(docs, a.has, secrets, o)
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

func (a *account) carryOut(p *apply.Plan) {
	text, err := json.Marshal(p)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, c := range p.Changes {
		text = append(text, strings.Join(c.Lines(), "\n")...)
	}
	if strings.Contains(string(text), "whisper") {
		a.t.Fatalf("a secret is shown: %s", text)
	}
	steps := apply.Steps{Lookup: secrets, Made: func(_, id, secret string) error {
		if id == "" || secret != "whisper" {
			a.t.Fatalf("credentials %q %q", id, secret)
		}
		return nil
	}, Done: func(*apply.Change) {}}
	if err := p.Run(context.Background(), a, steps); err != nil {
		a.t.Fatal(err)
	}
}

// For any files and any state of the account, applying makes the account match, and a second time changes nothing. With
// prune, no other resources of these kinds remain.
func TestApplyingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newAccount(t)
		before, after := documents(t), documents(t)
		after = after[:rapid.IntRange(0, len(after)).Draw(t, "some")]
		a.carryOut(a.plan(before, apply.Options{}))
		// Resources referred to by documents stay, so that the references resolve.
		p, err := apply.New(after, a.has, secrets, apply.Options{})
		if err != nil {
			t.Fatal(err)
		}
		a.carryOut(p)
		if again := a.plan(after, apply.Options{}); len(again.Changes) != 0 || again.Unchanged != len(after) {
			t.Fatalf("a second time: %s", lines(again))
		}
		if all := a.plan(append(without(before, after), after...), apply.Options{Prune: true}); creates(all) != 0 {
			t.Fatalf("something is gone: %s", lines(all))
		}
	})
}

// Pruning with files that describe everything leaves nothing else. Referring resources are deleted first.
func TestPruneLeavesWhatIsDescribed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newAccount(t)
		docs := documents(t)
		extra := document.Document{Kind: "policy", Name: "extra",
			Spec: map[string]any{"decision": "deny", "include": []any{map[string]any{"everyone": map[string]any{}}}}}
		stray := document.Document{Kind: "service_token", Name: "stray"}
		used := document.Document{Kind: "service_token", Name: "used"}
		a.carryOut(a.plan(append(slices.Clone(docs), extra, stray, used), apply.Options{}))
		for _, o := range a.has[client.KindServiceToken] {
			if o.ResourceName() == "used" {
				o["last_seen_at"] = "2026-01-01T00:00:00Z"
			}
		}
		now := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
		p := a.plan(docs, apply.Options{Prune: true, Now: now})
		want := "- delete policy \"extra\"\n= keep service token \"used\": it was used at 2026-01-01T00:00:00Z\n- delete " +
			"service token \"stray\""
		got := strings.Split(lines(p), "\n")
		slices.Sort(got)
		sorted := strings.Split(want, "\n")
		slices.Sort(sorted)
		if diff := cmp.Diff(sorted, got); diff != "" {
			t.Fatal(diff)
		}
		a.carryOut(p)
		if _, left, gone := a.plan(docs,
			apply.Options{Prune: true, Now: now.Add(60 * 24 * time.Hour)}).Pending(); left != 0 || gone != 1 {
			t.Fatalf("%d to change, %d to delete", left, gone)
		}
	})
}

// An application renamed in the files keeps its id, because two cannot protect the same domain.
func TestPruneRenamesAnApplication(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newAccount(t)
		app := func(name, place string) document.Document {
			return document.Document{Kind: "application", Name: name,
				Spec: map[string]any{"domain": place, "custom_deny_url": "https://${env:HOST}/"}}
		}
		a.carryOut(a.plan([]document.Document{app("one", "One.example.com"), app("two", "two.example.com"),
			app("gone", "gone.example.com")}, apply.Options{}))
		id := a.has[client.KindApplication][0].ResourceID()
		docs := []document.Document{app("uno", "one.example.com"), app("two", "two.example.com"),
			app("new", "new.example.com"),
			{Kind: "policy", Name: "p", Spec: map[string]any{"decision": "allow", "include": []any{map[string]any{"linked_app_token": map[string]any{"app_uid": "uno"}}}}}}
		p := a.plan(docs, apply.Options{Prune: true})
		got := strings.Split(lines(p), "\n")
		slices.Sort(got)
		if diff := cmp.Diff([]string{`+ create application "new"`, `+ create policy "p"`, `- delete application "gone"`,
			`~ change application "uno"`}, got); diff != "" {
			t.Fatal(diff)
		}
		a.carryOut(p)
		if again := a.plan(docs, apply.Options{Prune: true}); len(again.Changes) != 0 ||
			a.has[client.KindApplication][0]["name"] != "uno" || a.has[client.KindApplication][0].ResourceID() != id {
			t.Fatalf("%s\n%v", lines(again), a.has[client.KindApplication])
		}
	})
}

// Without prune, resources without a document stay; the control plane rejects the duplicate domain.
func TestWithoutPruneNothingIsRenamed(t *testing.T) {
	state := apply.State{client.KindApplication: {{"id": "00000000-0000-4000-8000-000000000001", "name": "one",
		"domain": "one.example.com"}}}
	docs := []document.Document{{Kind: "application", Name: "uno", Spec: map[string]any{"domain": "one.example.com"}}}
	p, err := apply.New(docs, state, secrets, apply.Options{})
	if err != nil || lines(p) != `+ create application "uno"` {
		t.Fatalf("%v %v", p, err)
	}
}

// Applying an export to the exported account changes nothing.
func TestExportedIsAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newAccount(t)
		a.carryOut(a.plan(documents(t), apply.Options{}))
		docs := apply.Export(a.has)
		text, err := document.Write(docs...)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "whisper") {
			t.Fatalf("a secret is exported:\n%s", text)
		}
		read, err := document.Parse("f", strings.NewReader(string(text)))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if p := a.plan(read, apply.Options{Prune: true}); len(p.Changes) != 0 {
			t.Fatalf("%s\nof\n%s", lines(p), text)
		}
	})
}

// What somebody stored is text when the export is applied, and no reference to the environment or the files of
// those who apply it. References that the export itself makes stay references.
func TestStoredTextIsNoReference(t *testing.T) {
	stored := "https://scores.example.com/${env:PLUMB_TOKEN}/$${file:/etc/passwd}"
	state := apply.State{
		client.KindIntegration: {{"id": "i", "name": "${env:A}", "type": "custom_s2s", "interval": "1h",
			"config": map[string]any{"api_url": stored, "access_client_id": "0.access"}}},
		client.KindCheck: {{"id": "c", "name": "c", "type": "custom_s2s", "description": "${file:x}",
			"input": map[string]any{"connection_id": "i", "operator": ">=", "score": json.Number("1")}}}}
	text, err := document.Write(apply.Export(state)...)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := document.Parse("f", strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	lookup := func(kind, name, _ string) (string, error) {
		asked[kind+" "+name] = true
		return "x", nil
	}
	p, err := apply.New(docs, state, lookup, apply.Options{})
	if err != nil || len(p.Changes) != 0 {
		t.Errorf("%v: %v of\n%s", err, p, text)
	}
	if err := p.Check(lookup); err != nil || len(asked) > 1 || strings.Contains(string(text), "was not found") {
		t.Errorf("%v: %v is looked up for\n%s", err, asked, text)
	}
}

// Cloudflare tells nothing of an integration's credentials, not even the Client ID: the file asks for them.
func TestExportedIntegrationsAskForTheirCredentials(t *testing.T) {
	integration := func(name, kind string, config map[string]any) client.Object {
		return client.Object{"id": name, "name": name, "type": kind, "interval": "1h", "config": config}
	}
	docs := apply.Export(apply.State{client.KindIntegration: {
		integration("scores", "custom_s2s",
			map[string]any{"api_url": "https://s.example.com", "auth_url": nil, "client_id": ""}),
		integration("known", "custom_s2s",
			map[string]any{"api_url": "https://s.example.com", "access_client_id": "0.access"}),
		integration("tanium", "tanium_s2s",
			map[string]any{"api_url": "https://t.example.com", "access_client_id": "0.access"}),
		integration("uptycs", "uptycs", map[string]any{}),
		integration("none", "kolide", nil),
	}})
	got := map[string]any{}
	for _, d := range docs {
		got[d.Name] = d.Spec["config"]
	}
	want := map[string]any{
		"scores": map[string]any{"api_url": "https://s.example.com", "access_client_id": "${env:SCORES_ACCESS_CLIENT_ID}", "access_client_secret": "${env:SCORES_ACCESS_CLIENT_SECRET}"},
		"known":  map[string]any{"api_url": "https://s.example.com", "access_client_id": "0.access", "access_client_secret": "${env:KNOWN_ACCESS_CLIENT_SECRET}"},
		"tanium": map[string]any{"api_url": "https://t.example.com", "access_client_id": "0.access",
			"client_secret": "${env:TANIUM_CLIENT_SECRET}", "access_client_secret": "${env:TANIUM_ACCESS_CLIENT_SECRET}"},
		"uptycs": map[string]any{"client_key": "${env:UPTYCS_CLIENT_KEY}", "client_secret": "${env:UPTYCS_CLIENT_SECRET}"},
		"none":   map[string]any{"client_secret": "${env:NONE_CLIENT_SECRET}"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if at := slices.IndexFunc(docs, func(d document.Document) bool { return d.Name == "scores" }); len(
		docs[at].Comment) != 2 {
		t.Errorf("comments %q", docs[at].Comment)
	}
}

func without(docs, those []document.Document) []document.Document {
	return slices.DeleteFunc(slices.Clone(docs), func(d document.Document) bool {
		return slices.ContainsFunc(those, func(o document.Document) bool { return o.Kind == d.Kind && o.Name == d.Name })
	})
}

func creates(p *apply.Plan) int {
	n, _, _ := p.Pending()
	return n
}

func lines(p *apply.Plan) string {
	var all []string
	for _, c := range p.Changes {
		all = append(all, c.Lines()[0])
	}
	return strings.Join(all, "\n")
}

func TestWhatCannotBeMeantIsTold(t *testing.T) {
	state := apply.State{client.KindCheck: {{"id": "1", "name": "twin"}, {"id": "2", "name": "twin"}},
		client.KindServiceToken: {{"id": "3", "name": "old", "client_id": strings.Repeat("0", 32) + ".access"}}}
	for text, want := range map[string]string{
		"kind: nonsense\nname: x": `f:1: unknown kind "nonsense": must be one of zone, tag, `,
		"kind: tag":               "f:1: the name is missing",
		"kind: tag\nname: a\n---\nkind: tag\nname: a":                                       `f:4: duplicate document of the tag "a"`,
		"kind: check\nname: twin":                                                           `2 checks are called "twin": rename all but one`,
		"kind: check\nname: x\nspec: {name: y}":                                             "name must be next to spec",
		"kind: organization\n---\nkind: organization":                                       "f:3: an account has only one organization",
		"kind: group\nname: a\nspec: {include: [group: {id: a}]}":                           `the group "a" refers to itself`,
		"kind: group\nname: a\nspec: {include: [group: {id: b}]}":                           `f:1: group "a": group "b" does not exist`,
		"kind: policy\nname: p\nspec: {include: [device_posture: {integration_uid: twin}]}": `2 checks are called "twin": use the id of one`,
		"kind: service_token\nname: old\nspec: {x_client_id: y}":                            "and cannot be changed",
		"kind: identity_provider\nname: i\nspec: {config: {client_secret: hush}}":           "config.client_secret is a secret",
		"kind: identity_provider\nname: i\nspec: {config: {client_secret: 'x${env:A}'}}":    "config.client_secret is a secret",
		"kind: tag\nname: t\nspec: {note: '${env:NONE}'}":                                   "note: ${env:NONE}: not set",
	} {
		docs, err := document.Parse("f", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = apply.New(docs, state, func(string, string, string) (string, error) {
			return "", errors.New("not set")
		}, apply.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s\n%v, want %s", text, err, want)
		}
	}
}

// A resource changed after planning is not overwritten.
func TestChangedMeanwhileIsNotWrittenOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newAccount(t)
		docs := []document.Document{{Kind: "tag", Name: "t"}, {Kind: "policy", Name: "p",
			Spec: map[string]any{"decision": "allow", "include": []any{map[string]any{"everyone": map[string]any{}}}}}}
		a.carryOut(a.plan(docs, apply.Options{}))
		docs[1].Spec["decision"] = "deny"
		p := a.plan(docs, apply.Options{})
		a.has[client.KindPolicy][0] = client.Object{"id": a.has[client.KindPolicy][0]["id"], "name": "p",
			"decision": "bypass"}
		var refused *client.Error
		if err := p.Run(context.Background(), a, apply.Steps{Lookup: secrets}); !errors.As(err, &refused) ||
			refused.Status != http.StatusConflict {
			t.Fatal(err)
		}
	})
}
