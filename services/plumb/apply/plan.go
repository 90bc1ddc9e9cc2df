package apply

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plumbline.dev/services/internal/client"
	"plumbline.dev/services/plumb/document"
)

// Action is what becomes of a resource.
type Action string

// The actions.
const (
	Create Action = "create"
	Update Action = "change"
	Delete Action = "delete"
	Keep   Action = "keep" // no document has it, and it stays: Note says why
)

// Change is what becomes of one resource.
type Change struct {
	Action Action      `json:"action"`
	Kind   client.Kind `json:"kind"`
	Name   string      `json:"name,omitempty"`
	ID     string      `json:"id,omitempty"` // of one that is there
	Fields []Field     `json:"fields,omitempty"`
	Note   string      `json:"note,omitempty"`

	spec    map[string]any // canonical, without secrets
	have    map[string]any // canonical
	secrets []secretRef
	base    string // where relative paths of references begin
}

// Label is what people call the resource.
func (c *Change) Label() string {
	if c.Name == "" {
		return label[c.Kind]
	}
	return fmt.Sprintf("%s %q", label[c.Kind], c.Name)
}

// Plan is what has to be done, in this order.
type Plan struct {
	Changes   []*Change `json:"changes"`
	Unchanged int       `json:"unchanged"`

	state *index
}

// Pending counts what would be done.
func (p *Plan) Pending() (create, change, remove int) {
	for _, c := range p.Changes {
		switch c.Action {
		case Create:
			create++
		case Update:
			change++
		case Delete:
			remove++
		}
	}
	return create, change, remove
}

// Options are how far a plan goes.
type Options struct {
	// Prune deletes what no document has, of the kinds of which there are documents.
	Prune bool
	// Secrets sends every secret again: what the account has cannot be looked at.
	Secrets bool
	// Now is the time, by which a service token was used lately.
	Now time.Time
}

// New compares documents with what the account has of the kinds that [Needed] names. Lookup is asked for
// references that are no secrets.
func New(docs []document.Document, state State, lookup Lookup, o Options) (*Plan, error) {
	x := newIndex(state)
	kinds := map[client.Kind]bool{}
	for _, d := range docs {
		if err := announce(d, x); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Source, err)
		}
		kinds[client.Kind(d.Kind)] = true
	}
	p := &Plan{state: x}
	var changes []*Change
	for _, d := range docs {
		c, err := compare(d, x, lookup, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %s %q: %w", d.Source, label[client.Kind(d.Kind)], d.Name, err)
		}
		changes = append(changes, c)
	}
	changes, err := arrange(changes)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if c.Action == "" {
			p.Unchanged++
			continue
		}
		p.Changes = append(p.Changes, c)
	}
	if o.Prune {
		p.Changes = append(p.Changes, superfluous(changes, state, kinds, x, o.Now)...)
	}
	return p, nil
}

// announce checks a document as far as it goes by itself, and makes its name known.
func announce(d document.Document, x *index) error {
	k := client.Kind(d.Kind)
	switch {
	case label[k] == "":
		return fmt.Errorf("the kind %q is not known: there are %s", d.Kind, kindNames())
	case k == client.KindOrganization && x.docs[k][""]:
		return fmt.Errorf("an account has one organization, and there is a document of it already")
	case k == client.KindOrganization:
		x.docs[k][""] = true
		return nil
	case d.Name == "":
		return fmt.Errorf("the name is missing")
	case x.docs[k][d.Name]:
		return fmt.Errorf("there is another document of the %s %q", label[k], d.Name)
	case d.Spec["name"] != nil:
		return fmt.Errorf("the name stands beside spec, not in it")
	case len(x.names[k][d.Name]) > 1:
		return fmt.Errorf("%d %ss are called %q: rename all but one", len(x.names[k][d.Name]), label[k], d.Name)
	}
	x.docs[k][d.Name] = true
	return nil
}

func kindNames() string {
	names := make([]string, len(order))
	for n, k := range order {
		names[n] = string(k)
	}
	return strings.Join(names, ", ")
}

// compare says what becomes of the resource that a document describes; nothing, where Action is empty.
func compare(d document.Document, x *index, lookup Lookup, o Options) (*Change, error) {
	k := client.Kind(d.Kind)
	c := &Change{Kind: k, Name: d.Name, spec: cloned(d.Spec), base: filepath.Dir(sourceFile(d.Source))}
	known := map[string]string{}
	_, found, err := references(c.spec, nil, lookup.in(c.base), known)
	if err != nil {
		return nil, err
	}
	c.secrets = found
	StripOurs(c.spec)
	if k == client.KindApplication && c.spec["policies"] != nil {
		c.spec["policies"] = linked(c.spec["policies"])
	}
	if err := Refs(k, c.spec, x.canonical); err != nil {
		return nil, err
	}
	if d.Name != "" {
		c.spec["name"] = d.Name
	}
	ids := x.names[k][d.Name]
	if k == client.KindOrganization {
		ids = []string{onlyID(x)}
	}
	if len(ids) == 0 {
		c.Action = Create
		c.Fields = append(masked(leaves("", c.spec), known), secretFields(c.secrets)...)
		return c, nil
	}
	c.have, c.ID = canonical(k, x.ids[k][ids[0]], x), ids[0]
	c.Fields = diff("", c.spec, c.have)
	if k == client.KindServiceToken && differs(c.Fields, "x_client_id") {
		return nil, fmt.Errorf("it has the Client ID %v, which cannot be changed: delete it first, or give the other one another name", c.have["x_client_id"])
	}
	if k == client.KindServiceToken {
		c.secrets = nil // of one that is there, rotate makes another
		delete(c.spec, "x_client_id")
	}
	if len(c.Fields) > 0 || o.Secrets && len(c.secrets) > 0 {
		c.Action = Update
		c.Fields = append(masked(c.Fields, known), secretFields(c.secrets)...)
	}
	return c, nil
}

// onlyID is the id of the account's organization in the index.
func onlyID(x *index) string {
	for id := range x.ids[client.KindOrganization] {
		return id
	}
	return ""
}

func masked(fields []Field, known map[string]string) []Field {
	for n := range fields {
		fields[n].To = mask(clone(fields[n].To), known)
	}
	return fields
}

func differs(fields []Field, path string) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.Path == path })
}

func secretFields(all []secretRef) []Field {
	fields := make([]Field, len(all))
	for n, s := range all {
		fields[n] = Field{Path: strings.Join(s.path, "."), To: s.ref, Secret: true}
	}
	return fields
}

// sourceFile is the file of file:line.
func sourceFile(source string) string {
	if n := strings.LastIndexByte(source, ':'); n > 0 {
		return source[:n]
	}
	return source
}

// arrange puts each change behind those that it refers to.
func arrange(changes []*Change) ([]*Change, error) {
	type key struct {
		kind client.Kind
		name string
	}
	known, state := map[key]*Change{}, map[*Change]int{}
	for _, c := range changes {
		known[key{c.Kind, c.Name}] = c
	}
	slices.SortStableFunc(changes, func(a, b *Change) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	var arranged []*Change
	var visit func(c *Change) error
	visit = func(c *Change) error {
		switch state[c] {
		case 1:
			return fmt.Errorf("the %s refers to itself, by what it refers to", c.Label())
		case 2:
			return nil
		}
		state[c] = 1
		err := Refs(c.Kind, c.spec, func(to client.Kind, value string) (string, error) {
			if to == credential {
				to = client.KindServiceToken
			}
			if other := known[key{to, value}]; other != nil {
				return value, visit(other)
			}
			return value, nil
		})
		state[c] = 2
		arranged = append(arranged, c)
		return err
	}
	for _, c := range changes {
		if err := visit(c); err != nil {
			return nil, err
		}
	}
	return arranged, nil
}
