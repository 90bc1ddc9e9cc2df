package apply

import (
	"fmt"
	"strings"
	"time"

	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/document"
)

// Action is the change of a resource.
type Action string

// The actions.
const (
	Create Action = "create"
	Update Action = "change"
	Delete Action = "delete"
	Keep   Action = "keep" // kept although no document names it; Note has the reason
)

// Change is a planned change of one resource.
type Change struct {
	Action Action      `json:"action"`
	Kind   client.Kind `json:"kind"`
	Name   string      `json:"name,omitempty"`
	ID     string      `json:"id,omitempty"` // of an existing resource
	Fields []Field     `json:"fields,omitempty"`
	Note   string      `json:"note,omitempty"`

	spec    map[string]any // canonical, without secrets
	have    map[string]any // canonical
	secrets []secretRef
	base    string            // base directory of relative paths
	known   map[string]string // references by their values, without secrets
}

// Label returns the kind and the name of the resource, for messages.
func (c *Change) Label() string {
	if c.Name == "" {
		return c.Kind.Label()
	}
	return fmt.Sprintf("%s %q", c.Kind.Label(), c.Name)
}

// Plan holds changes in their order.
type Plan struct {
	Changes   []*Change `json:"changes"`
	Unchanged int       `json:"unchanged"`

	state *index
}

// Pending returns the numbers of changes by action.
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

// Options extend a plan.
type Options struct {
	// Prune deletes resources without a document, of each kind with documents. If a new document protects the domain of
	// an application without a document, the application is renamed instead.
	Prune bool
	// Secrets sends every secret again. The API does not return secrets, so they cannot be compared.
	Secrets bool
	// Now is the current time, to find service tokens in recent use.
	Now time.Time
}

// New compares documents with the resources of an account, which include the kinds of [Needed]. lookup resolves
// references except secrets.
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
			return nil, fmt.Errorf("%s: %s %q: %w", d.Source, client.Kind(d.Kind).Label(), d.Name, err)
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

// announce checks a document without its references, and adds its name to the index.
func announce(d document.Document, x *index) error {
	k := client.Kind(d.Kind)
	switch {
	case !k.Traits().Document:
		return fmt.Errorf("unknown kind %q: must be one of %s", d.Kind, KindNames())
	case k.Traits().Single && x.docs[k][""]:
		return fmt.Errorf("an account has only one %s: remove one of the documents", k.Label())
	case k.Traits().Single:
		x.docs[k][""] = true
		return nil
	case d.Name == "":
		return fmt.Errorf("the name is missing")
	case x.docs[k][d.Name]:
		return fmt.Errorf("duplicate document of the %s %q", k.Label(), d.Name)
	case d.Spec["name"] != nil:
		return fmt.Errorf("name must be next to spec, not in it")
	case len(x.names[k][d.Name]) > 1:
		return fmt.Errorf("%d %ss are called %q: rename all but one", len(x.names[k][d.Name]), k.Label(), d.Name)
	}
	x.docs[k][d.Name] = true
	return nil
}

// KindNames returns the names of the kinds of documents, separated by commas.
func KindNames() string {
	names := make([]string, len(order))
	for n, k := range order {
		names[n] = string(k)
	}
	return strings.Join(names, ", ")
}
