package cloudflare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
)

// kindOf returns the kind of a Terraform resource type, without cloudflare_ and zero_trust_.
func kindOf(terraform string) (k client.Kind, known bool) {
	all := client.Kinds(func(t client.Traits) bool { return t.Terraform == terraform && terraform != "" })
	if len(all) == 0 {
		return "", false
	}
	return all[0], true
}

// related lists prefixes of other Access and device posture types, which cannot be exported.
var related = []string{"access_", "device_posture", "organization", "teams_list", "list"}

// state is the part of a Terraform state, version 4, that is read.
type state struct {
	Version   int `json:"version"`
	Resources []struct {
		Module    string `json:"module"`
		Mode      string `json:"mode"`
		Type      string `json:"type"`
		Name      string `json:"name"`
		Instances []struct {
			Key        any            `json:"index_key"`
			Attributes map[string]any `json:"attributes"`
		} `json:"instances"`
	} `json:"resources"`
}

// resource is a resource in the form of the API.
type resource struct {
	address string
	kind    client.Kind
	members map[string]any
	app     string // id of the application of an inline policy, or empty
	left    bool   // it is left out
}

// id returns the id of a resource, or its address, to which no reference leads.
func (r *resource) id() string {
	if id, _ := r.members["id"].(string); id != "" {
		return id
	}
	return r.address
}

// Terraform reads the resources of Cloudflare's provider, version 5 or 4, from a state. leftOut has a sentence with the
// address of each resource that cannot be exported, also if an error is returned. A policy or a group with an
// unsupported rule is left out as a whole, because it would match other requests without the rule. References to it are
// kept, so that plumb apply rejects them.
func Terraform(text []byte) (found apply.State, leftOut []string, err error) {
	var s state
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&s); err != nil {
		return nil, nil, fmt.Errorf("not a Terraform state: %w", err)
	}
	if s.Version != 4 {
		return nil, nil, fmt.Errorf("Terraform state has version %d, must be 4", s.Version)
	}
	all, leftOut := resources(&s)
	leftOut = append(leftOut, normaliseAll(all)...)
	leftOut = append(leftOut, attach(all)...)
	found = stateOf(all)
	switch {
	case len(found) > 0:
		return found, leftOut, nil
	case len(leftOut) > 0:
		return nil, leftOut, errors.New("no resource in the Terraform state can be exported")
	}
	return nil, nil, nothing(&s)
}

// nothing returns the error for a state without Access and device posture resources.
func nothing(s *state) error {
	var others []string
	for _, r := range s.Resources {
		if !slices.Contains(others, r.Type) {
			others = append(others, r.Type)
		}
	}
	if len(others) == 0 {
		return errors.New("the Terraform state has no resources")
	}
	const most = 5
	if n := len(others) - most; n > 0 {
		others = append(others[:most], fmt.Sprintf("%d other types", n))
	}
	return fmt.Errorf("the Terraform state has no Cloudflare Access or device posture resources, only %s",
		strings.Join(others, ", "))
}

// resources returns the resources of a state that can be exported.
func resources(s *state) (all []*resource, leftOut []string) {
	for _, r := range s.Resources {
		rest, ours := strings.CutPrefix(r.Type, "cloudflare_")
		if r.Mode != "managed" || !ours {
			continue
		}
		rest, _ = strings.CutPrefix(rest, "zero_trust_")
		k, known := kindOf(rest)
		for _, i := range r.Instances {
			address := addressOf(r.Module, r.Type, r.Name, i.Key)
			switch {
			case !known:
				if slices.ContainsFunc(related, func(begin string) bool { return strings.HasPrefix(rest, begin) }) {
					leftOut = append(leftOut, address+": resources of this type cannot be brought over")
				}
			case i.Attributes == nil:
				leftOut = append(leftOut, address+": the state has no attributes of it")
			default:
				app, _ := i.Attributes["application_id"].(string)
				delete(i.Attributes, "application_id")
				all = append(all, &resource{address: address, kind: k, members: i.Attributes, app: app})
			}
		}
	}
	return all, leftOut
}

// addressOf returns the Terraform address of an instance of a resource.
func addressOf(module, kind, name string, key any) string {
	address := kind + "." + name
	if module != "" {
		address = module + "." + address
	}
	switch key := key.(type) {
	case string:
		return fmt.Sprintf("%s[%q]", address, key)
	case json.Number:
		return fmt.Sprintf("%s[%s]", address, key)
	}
	return address
}

// normaliseAll converts resources to the form of the API. It marks a resource as left out if it would have another
// meaning without its unsupported parts.
func normaliseAll(all []*resource) (leftOut []string) {
	for _, r := range all {
		problems, fatal := normalise(r.kind, r.members)
		if r.left = fatal; fatal {
			problems = append(problems,
				fmt.Sprintf("the %s is left out as a whole, because it would match other requests without this", r.kind.Label()))
		}
		for _, p := range problems {
			leftOut = append(leftOut, r.address+": "+p)
		}
	}
	return leftOut
}
