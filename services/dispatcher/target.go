package dispatcher

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"filippo.io/age"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/bodytemplate"
	"plumbline.dev/services/dispatcher/dataset"
	"plumbline.dev/services/dispatcher/event"
	"plumbline.dev/services/dispatcher/standardwebhook"
	"plumbline.dev/services/internal/destination"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/seal"
)

// target is an opened destination.
type target struct {
	url      *url.URL
	headers  http.Header
	secrets  []signing
	template *bodytemplate.Template // nil: the event's JSON
	lines    *dataset.Lines         // nil for a webhook
	events   map[event.Type]bool    // nil: all
}

// signing is a secret and when it is no longer used; zero: never.
type signing struct {
	secret standardwebhook.Secret
	until  proto.Millis
}

// openTarget opens the sealed members of a destination. If it cannot, it returns a sentence for people, without any of
// them.
func openTarget(d *proto.Destination, identities []age.Identity) (*target, string) {
	open := func(label string, sealed []byte) (text, problem string) {
		opened, err := seal.Open(identities, label, sealed)
		if errors.Is(err, seal.ErrNotForUs) {
			return "", "The destination is sealed to another identity than this dispatcher has; save its URL, secret and " +
				"headers again, or give the dispatcher the identity."
		}
		if err != nil {
			return "", "The stored destination cannot be opened; save its URL, secret and headers again."
		}
		return string(opened), ""
	}
	raw, problem := open(destination.URLLabel(d.ID), d.SealedURL)
	if problem != "" {
		return nil, problem
	}
	t := &target{headers: http.Header{}}
	var err error
	if t.url, err = egress.ParseURL(raw); err != nil {
		return nil, egress.Explain(err).Sentence
	}
	for _, s := range d.Secrets {
		text, problem := open(destination.SecretLabel(d.ID), s.Sealed)
		if problem != "" {
			return nil, problem
		}
		secret, err := standardwebhook.ParseSecret(text)
		if err != nil {
			return nil, "The stored secret cannot be used; rotate it."
		}
		t.secrets = append(t.secrets, signing{secret, s.Until})
	}
	for _, h := range d.Headers {
		value, problem := open(destination.HeaderLabel(d.ID, h.Name), h.Sealed)
		if problem != "" {
			return nil, problem
		}
		if destination.CheckHeaderName(h.Name) != nil || destination.CheckHeaderValue(value) != nil {
			return nil, "A stored header cannot be sent; save the destination's headers again."
		}
		t.headers.Set(h.Name, value)
	}
	if d.Upload != nil {
		if t.lines, err = dataset.New(d.Upload); err != nil {
			return nil, "The settings of the log lines are not supported: " + err.Error() + "."
		}
	}
	if d.Template != "" {
		if t.template, err = bodytemplate.Parse(d.Template); err != nil {
			return nil, "The template cannot be read; save it again."
		}
	}
	if len(d.Events) > 0 {
		t.events = map[event.Type]bool{}
		for _, e := range d.Events {
			t.events[event.Type(e)] = true
		}
	}
	return t, ""
}

// wants reports whether the destination receives events of a type.
func (t *target) wants(e event.Type) bool { return t.events == nil || t.events[e] }

// signers returns the secrets that sign messages at a time, the newest first.
func (t *target) signers(now time.Time) []standardwebhook.Secret {
	var all []standardwebhook.Secret
	for _, s := range t.secrets {
		if s.until == 0 || proto.At(now) < s.until {
			all = append(all, s.secret)
		}
	}
	return all
}
