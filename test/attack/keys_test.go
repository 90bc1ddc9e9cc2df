package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// certs is the certs endpoint's document (api/README.md 8.2).
type certs struct {
	jose.JSONWebKeySet
	Public []struct {
		KID  string `json:"kid"`
		Cert string `json:"cert"`
	} `json:"public_certs"`
	raw []byte
}

func (w *fixture) certs() (*certs, error) {
	resp, err := http.Get(w.plumb.Certs())
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	c := new(certs)
	if c.raw, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20)); err != nil {
		return nil, err
	}
	return c, json.Unmarshal(c.raw, c)
}

// verify checks an application token as a careful origin does.
func (w *fixture) verify(token, aud string) error {
	keys, err := w.certs()
	if err != nil {
		return err
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err
	}
	found := keys.Key(parsed.Headers[0].KeyID)
	if len(found) != 1 {
		return fmt.Errorf("%d keys have the id %q", len(found), parsed.Headers[0].KeyID)
	}
	var standard jwt.Claims
	if err := parsed.Claims(found[0], &standard); err != nil {
		return err
	}
	return standard.Validate(jwt.Expected{Issuer: w.plumb.Issuer(), AnyAudience: jwt.Audience{aud}, Time: time.Now()})
}
