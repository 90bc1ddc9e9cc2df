package apply

import (
	"fmt"
	"strings"
	"time"

	"plumbline.dev/services/plumb/client"
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
	base    string            // where relative paths of references begin
	known   map[string]string // what was referred to, and is no secret, to the references
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
	// Prune deletes what no document has, of the kinds of which there are documents. An application that
	// would be deleted, and another one made for what it protects, gets the other's name instead.
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
	if o.Prune {
		rename(changes, state, x)
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
