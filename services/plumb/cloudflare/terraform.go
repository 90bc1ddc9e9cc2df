package cloudflare

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"plumbline.dev/services/internal/client"
	"plumbline.dev/services/plumb/apply"
)

// types are the kinds of Terraform's resource types, without cloudflare_ and, in front of it, zero_trust_.
var types = map[string]client.Kind{
	"access_application": client.KindApplication, "access_policy": client.KindPolicy, "access_group": client.KindGroup,
	"access_service_token": client.KindServiceToken, "access_identity_provider": client.KindIdentityProvider, "access_tag": client.KindTag,
	"device_posture_rule": client.KindCheck, "device_posture_integration": client.KindIntegration,
}

// state is the part of Terraform's state, version 4, that is read.
type state struct {
	Version   int `json:"version"`
	Resources []struct {
		Mode      string `json:"mode"`
		Type      string `json:"type"`
		Name      string `json:"name"`
		Instances []struct {
			Attributes map[string]any `json:"attributes"`
		} `json:"instances"`
	} `json:"resources"`
}

// Terraform reads the resources of Cloudflare's provider, version 5 or 4, out of a state. The other Access
// and posture resources of the state are told as left out.
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
	found = apply.State{}
	inline := map[string][]any{} // policies by the application that they belong to
	for _, r := range s.Resources {
		short := strings.TrimPrefix(strings.TrimPrefix(r.Type, "cloudflare_"), "zero_trust_")
		k, known := types[short]
		if r.Mode != "managed" || !strings.HasPrefix(r.Type, "cloudflare_") {
			continue
		}
		if !known {
			if strings.HasPrefix(short, "access_") || strings.HasPrefix(short, "device_posture") {
				leftOut = append(leftOut, r.Type+"."+r.Name)
			}
			continue
		}
		for _, i := range r.Instances {
			o := i.Attributes
			if o == nil {
				continue
			}
			normalise(k, o)
			if app, ok := o["application_id"].(string); ok && app != "" && k == client.KindPolicy {
				inline[app] = append(inline[app], o)
				continue
			}
			delete(o, "application_id")
			found[k] = append(found[k], o)
		}
	}
	for _, app := range found[client.KindApplication] {
		if own := inline[app.ResourceID()]; len(own) > 0 {
			slices.SortStableFunc(own, func(a, b any) int { return cmp.Compare(precedence(a), precedence(b)) })
			for _, p := range own {
				delete(p.(map[string]any), "application_id")
			}
			app["policies"] = own
		}
	}
	if len(found) == 0 {
		return nil, nil, errors.New("the Terraform state has no resource of Cloudflare Access or of device posture")
	}
	return found, leftOut, nil
}

func precedence(p any) float64 {
	o, _ := p.(map[string]any)
	n, _ := o["precedence"].(json.Number)
	f, _ := n.Float64()
	return f
}

// normalise makes of the attributes of a resource what the API says of it: no nulls, no blocks as lists of
// one, a rule object for each rule.
func normalise(k client.Kind, o map[string]any) {
	apply.DropNull(o)
	for _, name := range []string{"input", "config", "cors_headers", "saas_app", "scim_config"} {
		if list, ok := o[name].([]any); ok {
			delete(o, name)
			if len(list) == 1 {
				o[name] = list[0]
			}
		}
	}
	switch k {
	case client.KindGroup, client.KindPolicy:
		normaliseRules(o)
	case client.KindApplication:
		policies, _ := o["policies"].([]any)
		for _, p := range policies {
			if own, ok := p.(map[string]any); ok && own["include"] != nil {
				normaliseRules(own)
			}
		}
	case client.KindCheck:
		input, _ := o["input"].(map[string]any)
		rename(input, inputs)
	}
}

// inputs are the members of a check's input that Terraform writes in another way than the API (contract.md 6.3).
var inputs = map[string]string{
	"check_disks": "checkDisks", "require_all": "requireAll", "version_operator": "versionOperator", "count_operator": "countOperator",
	"score_operator": "scoreOperator",
}

func rename(o map[string]any, names map[string]string) {
	for from, to := range names {
		if v, there := o[from]; there {
			delete(o, from)
			o[to] = v
		}
	}
}
