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

// types are the kinds of Terraform's resource types, without cloudflare_ and, in front of it, zero_trust_.
var types = map[string]client.Kind{
	"access_application": client.KindApplication, "access_policy": client.KindPolicy, "access_group": client.KindGroup,
	"access_service_token": client.KindServiceToken, "access_identity_provider": client.KindIdentityProvider, "access_tag": client.KindTag,
	"device_posture_rule": client.KindCheck, "device_posture_integration": client.KindIntegration,
}

// related are the beginnings of further types of Access and of device posture, which cannot be brought over.
var related = []string{"access_", "device_posture", "organization", "teams_list", "list"}

// state is the part of Terraform's state, version 4, that is read.
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

// resource is one that is read, as the API would return it.
type resource struct {
	address string
	kind    client.Kind
	members map[string]any
	app     string // id of the application that a policy belongs to; empty: it is reusable, or no policy
	left    bool   // it is left out
}

// id is the id of a resource. A resource without one has its address, which refers to nothing.
func (r *resource) id() string {
	if id, _ := r.members["id"].(string); id != "" {
		return id
	}
	return r.address
}

// Terraform reads the resources of Cloudflare's provider, version 5 or 4, out of a state. What cannot be brought
// over is in leftOut, a sentence each, with the address of the resource; leftOut is returned with an error, too. A
// policy or a group with a rule that cannot be brought over is left out as a whole: without the rule, it would mean
// something else. What refers to it still does, by its id, so that plumb apply rejects it.
func Terraform(text []byte) (found apply.State, leftOut []string, err error) {
	var s state
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&s); err != nil {
		return nil, nil, fmt.Errorf("not a Terraform state: %w", err)
	}
	if s.Version != 4 {
		return nil, nil, fmt.Errorf("the Terraform state has version %d, 4 can be read", s.Version)
	}
	all, leftOut := resources(&s)
	leftOut = append(leftOut, normaliseAll(all)...)
	leftOut = append(leftOut, attach(all)...)
	found = stateOf(all)
	switch {
	case len(found) > 0:
		return found, leftOut, nil
	case len(leftOut) > 0:
		return nil, leftOut, errors.New("nothing in the Terraform state can be brought over")
	}
	return nil, nil, nothing(&s)
}

// nothing is the error about a state that has nothing to do with Access and device posture.
func nothing(s *state) error {
	var others []string
	for _, r := range s.Resources {
		if !slices.Contains(others, r.Type) {
			others = append(others, r.Type)
		}
	}
	if len(others) == 0 {
		return errors.New("the Terraform state has no resource")
	}
	const most = 5
	if n := len(others) - most; n > 0 {
		others = append(others[:most], fmt.Sprintf("%d other types", n))
	}
	return fmt.Errorf("none of the resources in the Terraform state belongs to Cloudflare Access or to device posture: it has %s",
		strings.Join(others, ", "))
}

// resources are those of a state that can be brought over.
func resources(s *state) (all []*resource, leftOut []string) {
	for _, r := range s.Resources {
		rest, ours := strings.CutPrefix(r.Type, "cloudflare_")
		if r.Mode != "managed" || !ours {
			continue
		}
		rest, _ = strings.CutPrefix(rest, "zero_trust_")
		k, known := types[rest]
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

// addressOf is what Terraform calls an instance of a resource.
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

// normaliseAll brings resources into the form of the API, and marks those as left out that are not what they were
// without what cannot be brought over.
func normaliseAll(all []*resource) (leftOut []string) {
	for _, r := range all {
		problems, fatal := normalise(r.kind, r.members)
		if r.left = fatal; fatal {
			problems = append(problems, fmt.Sprintf("the %s is left out as a whole: without this it would mean something else", label(r.kind)))
		}
		for _, p := range problems {
			leftOut = append(leftOut, r.address+": "+p)
		}
	}
	return leftOut
}

func label(k client.Kind) string { return strings.ReplaceAll(string(k), "_", " ") }
