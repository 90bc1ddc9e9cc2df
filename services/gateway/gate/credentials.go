package gate

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"plumbline.dev/services/internal/headername"
)

const (
	idHeader     = "Cf-Access-Client-Id"
	secretHeader = "Cf-Access-Client-Secret" //nolint:gosec // the name of a header
	// maxCredentials bounds the header in bytes: a Client ID has 39 characters, a secret 64.
	maxCredentials = 1024
)

// credentials are the service credentials of a request.
type credentials struct {
	given bool // the request has some, valid or not
	// bad reports that the credentials are duplicated, incomplete, malformed, or present in both forms that the
	// application accepts: the intended ones are ambiguous (api/README.md 8.6).
	bad        bool
	both       bool // bad because both forms are present
	id, secret string
	// drop lists the headers with credentials, in addition to Cf-Access-*.
	drop []string
}

// readCredentials finds the service credentials of a request: in the two standard headers, or as a JSON object in the
// application's own header (api/README.md 2.7). A header in another spelling, such as Cf_Access_Client_Id, counts as a
// duplicate, because some servers treat the two as equal.
func readCredentials(h http.Header, single string) credentials {
	var c credentials
	var ids, secrets []string
	for name, values := range h {
		if !isAccess(name) {
			continue
		}
		switch {
		case name == idHeader:
			ids = values
		case name == secretHeader:
			secrets = values
		case headername.Same(name, idHeader), headername.Same(name, secretHeader):
			c.given, c.bad = true, true
		}
	}
	standard := len(ids)+len(secrets) > 0
	if standard {
		c.given = true
		if len(ids) == 1 && len(secrets) == 1 && ids[0] != "" && secrets[0] != "" {
			c.id, c.secret = ids[0], secrets[0]
		} else {
			c.bad = true
		}
	}
	if single == "" {
		return c
	}
	for name, values := range h {
		if !headername.Same(name, single) {
			continue
		}
		held, id, secret, ok := singleCredentials(single, values)
		if !held {
			continue
		}
		c.drop = append(c.drop, name)
		c.both = c.both || standard
		c.bad = c.bad || c.given || !ok || name != single
		c.given, c.id, c.secret = true, id, secret
	}
	return c
}

// singleCredentials parses the application's own header. held is false if the header serves another purpose: origins
// use Authorization too, so only unmistakable credentials count there.
func singleCredentials(name string, values []string) (held bool, id, secret string, ok bool) {
	for _, v := range values {
		_, _, err := parseCredentials(v) // it decodes escapes
		held = held || name != "Authorization" || err == nil || strings.Contains(strings.ToLower(v), "cf-access-client-")
	}
	if !held || len(values) != 1 {
		return held, "", "", false
	}
	id, secret, err := parseCredentials(values[0])
	return true, id, secret, err == nil
}

var errCredentials = errors.New("not an object with cf-access-client-id and cf-access-client-secret")

// parseCredentials parses {"cf-access-client-id": ..., "cf-access-client-secret": ...}: exactly these two members, in
// any letter case like the headers, each once, with non-empty strings.
func parseCredentials(s string) (id, secret string, err error) {
	if len(s) > maxCredentials {
		return "", "", errCredentials
	}
	d := jsontext.NewDecoder(bytes.NewBufferString(s)) // it rejects duplicate names
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return "", "", errCredentials
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return "", "", errCredentials
		}
		key := strings.ToLower(name.String())
		value, err := d.ReadToken()
		if err != nil || value.Kind() != '"' {
			return "", "", errCredentials
		}
		into := &id
		switch key {
		case "cf-access-client-id":
		case "cf-access-client-secret":
			into = &secret
		default:
			return "", "", errCredentials
		}
		if *into != "" {
			return "", "", errCredentials // a duplicate in another letter case
		}
		*into = value.String()
	}
	if t, err := d.ReadToken(); err != nil || t.Kind() != '}' {
		return "", "", errCredentials
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) || id == "" || secret == "" {
		return "", "", errCredentials
	}
	return id, secret, nil
}

// isAccess reports whether a header is one of Cf-Access-*, in any spelling. Only Plumbline may set them.
func isAccess(name string) bool {
	const prefix = "cf-access-"
	return len(name) >= len(prefix) && name[0]|0x20 == 'c' && headername.Same(name[:len(prefix)], prefix)
}
