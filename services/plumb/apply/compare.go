package apply

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/document"
)

// compare returns the change that a document makes to its resource. Action is empty if there is none.
func compare(d document.Document, x *index, lookup Lookup, o Options) (*Change, error) {
	k := client.Kind(d.Kind)
	c := &Change{Kind: k, Name: d.Name, spec: cloned(d.Spec), base: filepath.Dir(sourceFile(d.Source))}
	c.known = map[string]string{}
	_, found, err := references(c.spec, nil, lookup.in(c.base), c.known)
	if err != nil {
		return nil, err
	}
	if unknown := Unknown(k, d.Spec); len(unknown) > 0 {
		all := make([]error, len(unknown))
		for n, m := range unknown {
			all[n] = unknownMember(m)
		}
		return nil, errors.Join(all...)
	}
	if all := mistyped(k, d.Spec); len(all) > 0 {
		return nil, errors.Join(all...)
	}
	c.secrets = found
	ownedmember.Strip(c.spec)
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
	if k.Traits().Single {
		ids = []string{onlyID(x, k)}
	}
	if len(ids) == 0 {
		c.Action = Create
		c.Fields = append(c.masked(leaves("", c.spec)), secretFields(c.secrets)...)
		return c, nil
	}
	c.have, c.ID = canonical(k, x.ids[k][ids[0]], x), ids[0]
	c.Fields = diff("", c.spec, c.have)
	if k == client.KindServiceToken && differs(c.Fields, "x_client_id") {
		return nil, fmt.Errorf(
			"its Client ID is %v and cannot be changed: delete the service token first, or rename one of them",
			c.have["x_client_id"])
	}
	if k == client.KindServiceToken {
		c.secrets = nil // an existing token gets a new secret by rotation only
		delete(c.spec, "x_client_id")
	}
	if len(c.Fields) > 0 || o.Secrets && len(c.secrets) > 0 {
		c.Action = Update
		c.Fields = append(c.masked(c.Fields), secretFields(c.secrets)...)
	}
	return c, nil
}

// onlyID returns the id of the account's only resource of a kind.
func onlyID(x *index, k client.Kind) string {
	for id := range x.ids[k] {
		return id
	}
	return ""
}

// masked replaces the values of references by the references.
func (c *Change) masked(fields []Field) []Field {
	for n := range fields {
		fields[n].To = mask(clone(fields[n].To), c.known)
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

// sourceFile returns the file of a source, file:line.
func sourceFile(source string) string {
	if n := strings.LastIndexByte(source, ':'); n > 0 {
		return source[:n]
	}
	return source
}
