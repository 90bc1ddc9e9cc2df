package frame

import (
	"context"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"sync"
	"time"

	"plumbline.dev/services/plumb/client"
)

// Grants says what a person may change. The console only shows it: the API decides about each request.
type Grants struct {
	lacks []string // scopes that the person may not edit, sorted; nil while the API does not say
	who   string   // begins a sentence, such as "Your role"
}

// need describes what a scope lets people do.
type need struct{ Permission, Does string }

// needs has every scope that an action of the console requires, by the API's name.
var needs = map[string]need{
	"apps":           {"Access: Apps and Policies Write", "change applications and policies"},
	"policy_tests":   {"Access: Policy Test Write", "test policies against every user"},
	"service_tokens": {"Access: Service Tokens Write", "change service tokens"},
	"organization": {"Access: Organizations, Identity Providers, and Groups Write",
		"change the organization and its signing keys"},
	"posture":        {"Access: Device Posture Write", "change integrations and checks"},
	"devices":        {"Devices Write", "change devices"},
	"enforcement":    {"Posture Enforcement Write", "decide about holds"},
	"exemptions":     {"Posture Exemptions Write", "exempt devices"},
	"observe_switch": {"Posture Enforcement Switch Write", "stop enforcing all checks"},
	"destinations":   {"Destinations Write", "change destinations"},
	"api_tokens":     {"Account API Tokens Write", "change API tokens"},
	"members":        {"Account Settings Write", "change members"},
}

// grantsOf returns the grants of the holder of a credential.
func grantsOf(me client.Me) Grants {
	g := Grants{who: "Your API token"}
	if me.Type == "user" {
		g.who = "Your role"
	}
	if me.All || len(me.Permissions) == 0 {
		return g
	}
	for scope := range needs {
		if !me.Permissions[scope].Edit {
			g.lacks = append(g.lacks, scope)
		}
	}
	slices.Sort(g.lacks)
	return g
}

// key is equal for grants that show the same pages.
func (g Grants) key() string { return g.who + " " + strings.Join(g.lacks, " ") }

// reason returns why the person may not edit a scope, or "" if they may.
func (g Grants) reason(scope string) (string, error) {
	n, known := needs[scope]
	switch {
	case !known:
		return "", fmt.Errorf("may: there is no scope %q", scope)
	case !slices.Contains(g.lacks, scope):
		return "", nil
	}
	return fmt.Sprintf("%s may not %s: it lacks the permission %q.", g.who, n.Does, n.Permission), nil
}

// functions returns the functions of templates that depend on the grants.
func (g Grants) functions() template.FuncMap {
	return template.FuncMap{
		// may is for a <button> or a field: it disables it, with the reason, if the person may not edit the scope.
		"may": func(scope string) (template.HTMLAttr, error) {
			why, err := g.reason(scope)
			if why == "" {
				return "", err
			}
			return template.HTMLAttr("disabled " + explained(scope, why)), nil //nolint:gosec // escaped
		},
		// maylink is for an <a>: it has the path only if the person may edit the scope.
		"maylink": func(scope, path string) (template.HTMLAttr, error) {
			why, err := g.reason(scope)
			switch {
			case err != nil:
				return "", err
			case !strings.HasPrefix(path, "/"):
				return "", fmt.Errorf("maylink: %q is no path of the console", path)
			case why == "":
				return template.HTMLAttr(`href="` + template.HTMLEscapeString(path) + `"`), nil //nolint:gosec // escaped
			}
			attributes := `role="link" aria-disabled="true" tabindex="0" ` + explained(scope, why)
			return template.HTMLAttr(attributes), nil //nolint:gosec // escaped
		},
		"lacking": g.lacking,
	}
}

// explained returns the attributes that tie a control to the reason, which the page shows once.
func explained(scope, why string) string {
	return fmt.Sprintf(`title="%s" aria-describedby="lacks-%s" data-lacks="%s"`,
		template.HTMLEscapeString(why), scope, scope)
}

// lack is a reason that a page shows.
type lack struct{ ID, Why string }

// lacking returns the reasons of the controls that are disabled in a page's content.
func (g Grants) lacking(body template.HTML) (all []lack) {
	for _, scope := range g.lacks {
		if !strings.Contains(string(body), `data-lacks="`+scope+`"`) {
			continue
		}
		if why, err := g.reason(scope); err == nil {
			all = append(all, lack{"lacks-" + scope, why})
		}
	}
	return all
}

// Limits of the cache of grants.
const (
	grantsAge  = 30 * time.Second
	grantsTime = 2 * time.Second // for the API to answer
	maxGrants  = 1000
)

// grantCache has the grants of people.
type grantCache struct {
	mu  sync.Mutex
	all map[string]*cachedGrants
}

type cachedGrants struct {
	once   sync.Once
	at     time.Time
	grants Grants
}

// grants returns what the person may change, at most grantsAge old, for a set that depends on it. Without an answer of
// the API, nothing is disabled.
func (r *Request) grants(s *Set) Grants {
	if r.API == nil || !s.guarded {
		return Grants{}
	}
	c := r.frame.granted.entry(r.Person.Key(), r.Now)
	c.once.Do(func() {
		ctx, cancel := context.WithTimeout(r.Context(), grantsTime)
		defer cancel()
		if me, err := r.API.Me(ctx); err == nil {
			c.grants = grantsOf(me)
		}
	})
	return c.grants
}

func (g *grantCache) entry(key string, now time.Time) *cachedGrants {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.all[key]
	if c == nil || now.Sub(c.at) >= grantsAge {
		if g.all == nil || len(g.all) >= maxGrants {
			g.all = map[string]*cachedGrants{}
		}
		c = &cachedGrants{at: now}
		g.all[key] = c
	}
	return c
}
