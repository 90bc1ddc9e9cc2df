package destination

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/dispatcher/bodytemplate"
	"plumbline.dev/services/dispatcher/event"
	"plumbline.dev/services/dispatcher/standardwebhook"
	"plumbline.dev/services/internal/destination"
	"plumbline.dev/services/internal/seal"
)

// decode reads a whole body. An update without a URL, or with a header without a value, keeps the stored ones.
func (s *API) decode(a proto.Account, body v4.Object, d, old *proto.Destination) error {
	if len(s.cfg.SealTo) == 0 {
		return v4.Invalid("destinations cannot be stored: the control plane has no dispatcher's recipient to seal them to " +
			"(--seal-dispatcher)")
	}
	if old != nil && body.Has("secret") {
		return v4.Invalid("secret cannot be changed by an update: use /rotate, which keeps the old one for a time")
	}
	var err error
	if d.Name, err = body.Line("name"); err != nil {
		return err
	}
	if d.Name == "" {
		return v4.Invalid("a destination needs a name")
	}
	if d.Kind, err = body.Text("kind"); err != nil {
		return err
	}
	if d.Kind == "" {
		d.Kind = proto.DestinationWebhook
	}
	if d.Kind != proto.DestinationWebhook {
		return v4.Invalid("kind must be %s", proto.DestinationWebhook)
	}
	if d.Paused, _, err = body.Bool("paused"); err != nil {
		return err
	}
	if err := s.readURL(body, d, old); err != nil {
		return err
	}
	if err := s.readHeaders(body, d, old); err != nil {
		return err
	}
	if err := readEvents(body, d); err != nil {
		return err
	}
	return s.readTemplate(a, body, d)
}

func (s *API) readURL(body v4.Object, d, old *proto.Destination) error {
	text, err := body.Text("url")
	switch {
	case err != nil:
		return err
	case text == "" && old == nil:
		return v4.Invalid("url is required")
	case text == "":
		d.Origin, d.SealedURL = old.Origin, old.SealedURL
		return nil
	}
	if err := resource.CheckURL(text); err != nil {
		return v4.Invalid("url %v", err)
	}
	u, err := url.Parse(text)
	if err != nil {
		return v4.Invalid("url is not a URL")
	}
	d.Origin = u.Scheme + "://" + u.Host
	d.SealedURL, err = seal.Seal(s.cfg.SealTo, destination.URLLabel(d.ID), []byte(text))
	return err
}

// readHeaders reads the headers. A value is kept only while the origin stays the same: a client that may change the URL
// could otherwise receive the value there.
func (s *API) readHeaders(body v4.Object, d, old *proto.Destination) error {
	if !body.Has("headers") {
		return nil
	}
	var list []struct {
		Name  string  `json:"name"`
		Value *string `json:"value"`
	}
	if json.Unmarshal(body["headers"], &list) != nil {
		return v4.Invalid("headers must be a list of objects with name and value")
	}
	if len(list) > proto.MaxDestinationHeaders {
		return v4.Invalid("headers: at most %d headers are supported", proto.MaxDestinationHeaders)
	}
	seen := map[string]bool{}
	for n, h := range list {
		lower := strings.ToLower(h.Name)
		if err := destination.CheckHeaderName(h.Name); err != nil {
			return v4.Invalid("headers[%d]: %v", n, err)
		}
		if seen[lower] {
			return v4.Invalid("headers[%d]: duplicate header %s", n, v4.Quote(h.Name))
		}
		seen[lower] = true
		if h.Value == nil {
			kept, found := stored(old, lower)
			if !found {
				return v4.Invalid("headers[%d]: value is required", n)
			}
			if old.Origin != d.Origin {
				return v4.Invalid("headers[%d]: the host of url has changed: enter the value again", n)
			}
			d.Headers = append(d.Headers, proto.DestinationHeader{Name: h.Name, Sealed: kept})
			continue
		}
		if err := destination.CheckHeaderValue(*h.Value); err != nil {
			return v4.Invalid("headers[%d]: %v", n, err)
		}
		sealed, err := seal.Seal(s.cfg.SealTo, destination.HeaderLabel(d.ID, h.Name), []byte(*h.Value))
		if err != nil {
			return err
		}
		d.Headers = append(d.Headers, proto.DestinationHeader{Name: h.Name, Sealed: sealed})
	}
	return nil
}

// stored returns the sealed value of a header, by its name in lower case.
func stored(d *proto.Destination, lower string) ([]byte, bool) {
	if d == nil {
		return nil, false
	}
	n := slices.IndexFunc(d.Headers, func(h proto.DestinationHeader) bool { return strings.ToLower(h.Name) == lower })
	if n < 0 {
		return nil, false
	}
	return d.Headers[n].Sealed, true
}

func readEvents(body v4.Object, d *proto.Destination) error {
	if !body.Has("events") {
		return nil
	}
	if json.Unmarshal(body["events"], &d.Events) != nil {
		return v4.Invalid("events must be a list of strings")
	}
	for n, e := range d.Events {
		if !slices.Contains(event.Types(), event.Type(e)) {
			return v4.Invalid("events[%d]: unknown event %s; the events are %v", n, v4.Quote(e), event.Types())
		}
	}
	slices.Sort(d.Events)
	d.Events = slices.Compact(d.Events)
	return nil
}

// readTemplate reads the template and renders every kind of event with it.
func (s *API) readTemplate(a proto.Account, body v4.Object, d *proto.Destination) error {
	var err error
	if d.Template, err = body.Text("template"); err != nil || d.Template == "" {
		return err
	}
	t, err := bodytemplate.Parse(d.Template)
	if err != nil {
		return v4.Invalid("template: %s", clip(err))
	}
	samples, err := event.Samples(a, s.store.Clock.Now())
	if err != nil {
		return err
	}
	for _, e := range samples {
		if len(d.Events) > 0 && e.Type != event.TestPing && !slices.Contains(d.Events, string(e.Type)) {
			continue
		}
		if _, err := t.Render(e.Body); err != nil {
			return v4.Invalid("template: it fails for the event %s: %s", e.Type, clip(err))
		}
	}
	return nil
}

func clip(err error) string {
	text := strings.ToValidUTF8(err.Error(), "?")
	if len(text) > maxProblem {
		text = strings.ToValidUTF8(text[:maxProblem], "") + "..."
	}
	return text
}

const maxProblem = 300

// newSecret gives a destination the secret of a body, or a random one, in front of those it has. It returns its text.
func (s *API) newSecret(body v4.Object, d *proto.Destination) (string, error) {
	text, err := body.Text("secret")
	if err != nil {
		return "", err
	}
	secret := standardwebhook.NewSecret()
	if text != "" {
		if secret, err = standardwebhook.ParseSecret(text); err != nil {
			return "", v4.Invalid("secret: %v", err)
		}
	}
	sealed, err := seal.Seal(s.cfg.SealTo, destination.SecretLabel(d.ID), []byte(secret.Reveal()))
	if err != nil {
		return "", err
	}
	d.Secrets = append([]proto.DestinationSecret{{Sealed: sealed}}, d.Secrets...)
	return secret.Reveal(), nil
}

// overlap returns how long the former secret stays in use.
func overlap(body v4.Object) (time.Duration, error) {
	text, err := body.Text("overlap")
	if err != nil || text == "" {
		return proto.RotationOverlap, err
	}
	d, err := v4.ParseDuration(text)
	if err != nil || d < 0 || d > proto.MaxRotationOverlap {
		return 0, v4.Invalid("overlap must be a duration from 0s to %s, such as 24h",
			fmt.Sprintf("%dd", int(proto.MaxRotationOverlap.Hours()/24)))
	}
	return d, nil
}
