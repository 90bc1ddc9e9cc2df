package access

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/headername"
)

// Bounds of the members for the gateway: bytes of a message, entries of a list.
const (
	maxDenyMessage = 4096
	maxListed      = 100
)

// readGate reads the members of a self-hosted application that the gateway acts on (api/README.md 3.3). The caller
// keeps the effect of revoke_tokens.
func readGate(body v4.Object) (proto.Gate, error) {
	var g proto.Gate
	var err error
	flags := map[string]*bool{
		"service_auth_401_redirect": &g.Refuse401, "auto_redirect_to_identity": &g.AutoRedirect,
		"options_preflight_bypass": &g.OptionsBypass, "path_cookie_attribute": &g.CookiePath,
		"enable_binding_cookie": &g.CookieBinding,
	}
	for name, flag := range flags {
		if *flag, _, err = body.Bool(name); err != nil {
			return g, err
		}
	}
	only, given, err := body.Bool("http_only_cookie_attribute")
	if err != nil {
		return g, err
	}
	g.CookieScripts = given && !only
	if g.TokenHeader, err = readTokenHeader(body); err != nil {
		return g, err
	}
	if g.IDPs, err = readIDs(body, "allowed_idps"); err != nil {
		return g, err
	}
	if g.SameSite, err = readSameSite(body); err != nil {
		return g, err
	}
	if g.DenyMessage, err = body.Text("custom_deny_message"); err != nil {
		return g, err
	}
	if len(g.DenyMessage) > maxDenyMessage {
		return g, v4.Invalid("custom_deny_message must be at most %d bytes", maxDenyMessage)
	}
	for name, to := range map[string]*string{"custom_deny_url": &g.DenyURL,
		"custom_non_identity_deny_url": &g.NonIdentityDenyURL} {
		if *to, err = body.Text(name); err != nil {
			return g, err
		}
		if *to == "" {
			continue
		}
		if err := resource.CheckURL(*to); err != nil {
			return g, v4.Invalid("%s %v", name, err)
		}
	}
	if g.CORS, err = readCORS(body); err != nil {
		return g, err
	}
	return g, checkTogether(&g)
}

// checkTogether returns an error if members contradict each other (api/README.md 3.3).
func checkTogether(g *proto.Gate) error {
	switch {
	case g.OptionsBypass && g.CORS != nil:
		return v4.Invalid("options_preflight_bypass cannot be combined with cors_headers")
	case g.CORS != nil && g.CORS.Credentials && g.CORS.AllOrigins:
		return v4.Invalid("cors_headers: allow_credentials cannot be combined with allow_all_origins")
	case g.AutoRedirect && len(g.IDPs) != 1:
		return v4.Invalid("auto_redirect_to_identity needs exactly one identity provider in allowed_idps")
	}
	return nil
}

func readTokenHeader(body v4.Object) (string, error) {
	name, err := body.Text("read_service_tokens_from_header")
	if err != nil || name == "" {
		return "", err
	}
	_, usable := headername.Credentials(name)
	switch {
	case !headername.IsToken(name) || len(name) > 128:
		return "", v4.Invalid("read_service_tokens_from_header must be the name of a header")
	case !usable:
		return "", v4.Invalid("read_service_tokens_from_header cannot be %s, which HTTP, proxies or Plumbline use "+
			"themselves: choose another header, such as Authorization", v4.Clip(name))
	}
	return name, nil
}

func readSameSite(body v4.Object) (string, error) {
	text, err := body.Text("same_site_cookie_attribute")
	lower := strings.ToLower(text)
	if err != nil || !slices.Contains([]string{"", "none", "lax", "strict"}, lower) {
		return "", v4.Invalid("same_site_cookie_attribute must be none, lax or strict")
	}
	return lower, nil
}

// readIDs reads a list of ids and drops duplicates.
func readIDs(body v4.Object, name string) ([]proto.ID, error) {
	if !body.Has(name) {
		return nil, nil
	}
	var sent []string
	if json.Unmarshal(body[name], &sent) != nil || len(sent) > maxListed {
		return nil, v4.Invalid("%s must be a list of at most %d ids", name, maxListed)
	}
	var ids []proto.ID
	for n, text := range sent {
		id, err := proto.ParseID(text)
		if err != nil || id.IsZero() {
			return nil, v4.Invalid("%s[%d] is not an id", name, n)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

var corsMethods = []string{"GET", "POST", "HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

// readCORS reads cors_headers. An empty object counts as absent.
func readCORS(body v4.Object) (*proto.CORS, error) {
	sent, err := body.Member("cors_headers")
	if err != nil || len(sent) == 0 {
		return nil, err
	}
	var c proto.CORS
	for name, flag := range map[string]*bool{"allow_all_headers": &c.AllHeaders, "allow_all_methods": &c.AllMethods,
		"allow_all_origins": &c.AllOrigins, "allow_credentials": &c.Credentials} {
		if *flag, _, err = sent.Bool(name); err != nil {
			return nil, v4.Invalid("cors_headers.%s must be true or false", name)
		}
	}
	for name, list := range map[string]struct {
		to    *[]string
		every *bool // set by "*"
		valid func(string) bool
	}{
		"allowed_headers": {&c.Headers, &c.AllHeaders, headername.IsToken},
		"allowed_methods": {&c.Methods, &c.AllMethods, func(m string) bool { return slices.Contains(corsMethods, m) }},
		"allowed_origins": {&c.Origins, &c.AllOrigins, isOrigin},
	} {
		if !sent.Has(name) {
			continue
		}
		var all []string
		if json.Unmarshal(sent[name], &all) != nil || len(all) > maxListed {
			return nil, v4.Invalid("cors_headers.%s must be a list of at most %d strings", name, maxListed)
		}
		for n, one := range all {
			switch {
			case one == "*":
				*list.every = true
			case len(one) > v4.MaxName || !list.valid(one):
				return nil, v4.Invalid("cors_headers.%s[%d] is not valid", name, n)
			default:
				*list.to = append(*list.to, one)
			}
		}
	}
	if c.MaxAge, _, err = sent.Int("max_age", -1, 86400); err != nil {
		return nil, v4.Invalid("cors_headers.max_age must be a whole number from -1 to 86400")
	}
	return &c, nil
}

// isOrigin reports whether a browser may send the text as Origin: scheme, host and port.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.Host != "" && u.User == nil && u.Scheme+"://"+u.Host == text
}
