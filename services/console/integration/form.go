package integration

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// Fields of the form, named as in the API.
const (
	fieldName        = "name"
	fieldURL         = "api_url"
	fieldInterval    = "interval"
	fieldConcurrency = "x_concurrency"
	fieldClientID    = "access_client_id"
	fieldSecret      = "access_client_secret"
	fieldRevision    = "revision" // that the form was made from
)

// formOf returns the form of a stored integration. Its secret is never known here.
func formOf(i client.Integration, revision string) *frame.Form {
	return frame.NewForm(fieldName, i.Name, fieldURL, i.Config.APIURL, fieldInterval, i.Interval, fieldConcurrency,
		strconv.Itoa(i.Concurrency), fieldClientID, i.Config.ClientID, fieldRevision, revision)
}

// newForm returns the form of a new integration.
func newForm() *frame.Form {
	return frame.NewForm(fieldInterval, "5m", fieldConcurrency, strconv.Itoa(proto.DefaultConcurrency))
}

// intervals returns the choices of the polling frequency, with the current one.
func intervals(current string) []frame.Choice {
	all := []frame.Choice{{Value: "1m", Text: "1 minute"}, {Value: "5m", Text: "5 minutes"},
		{Value: "10m", Text: "10 minutes"}, {Value: "15m", Text: "15 minutes"}, {Value: "30m", Text: "30 minutes"},
		{Value: "1h", Text: "1 hour"}, {Value: "6h", Text: "6 hours"}, {Value: "12h", Text: "12 hours"},
		{Value: "24h", Text: "24 hours"}}
	known := func(c frame.Choice) bool { return c.Value == current }
	if current != "" && !slices.ContainsFunc(all, known) {
		all = slices.Insert(all, 0, frame.Choice{Value: current, Text: frame.Interval(current)})
	}
	return all
}

// bodyOf returns the body that the form describes. It is that of a new integration if stored is nil. The body has no
// secret if the field is empty: the stored one stays.
func bodyOf(f *frame.Form, stored *client.Integration) map[string]any {
	config := map[string]any{"api_url": f.Value(fieldURL), "access_client_id": f.Value(fieldClientID)}
	if secret := f.Value(fieldSecret); secret != "" {
		config["access_client_secret"] = secret
	}
	body := map[string]any{"name": f.Value(fieldName), "interval": f.Value(fieldInterval), "config": config}
	if stored == nil {
		body["type"] = proto.TypeCustomS2S
		if config["access_client_secret"] == nil {
			f.Fail(fieldSecret, "Enter the Client Secret of the service token.")
		}
	}
	if text := f.Value(fieldConcurrency); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > proto.MaxConcurrency {
			f.Fail(fieldConcurrency, "Must be a whole number from 1 to "+strconv.Itoa(proto.MaxConcurrency)+".")
		}
		body["x_concurrency"] = n
	}
	return body
}

// messagePrefix begins the messages of the API about an integration.
const messagePrefix = "invalid posture integration request: "

// refused notes at its field why the API rejected the form, and reports whether it did.
func refused(f *frame.Form, err error) bool {
	before := f.Problem
	if !f.Refused(err) {
		return false
	}
	message := strings.TrimPrefix(lowered(f.Problem), messagePrefix)
	name, text := fieldOf(message)
	if name == "" {
		f.Problem = frame.Capital(message)
		return true
	}
	f.Problem = before
	f.Fail(name, frame.Capital(text))
	return true
}

// fieldOf returns the field that a message is about, and what it says about it.
func fieldOf(message string) (field, text string) {
	word, rest, _ := strings.Cut(message, " ")
	switch name := strings.TrimPrefix(word, "config."); {
	case strings.HasPrefix(message, "the host of config.api_url has changed"):
		return fieldSecret, "the host of the URL has changed: enter the secret again. A stored secret is never sent to " +
			"another host."
	case strings.HasPrefix(message, "invalid credentials: "):
		return fieldSecret, strings.TrimPrefix(message, "invalid credentials: ")
	case strings.HasPrefix(message, "the scoring API did not pass the test"):
		return fieldURL, message
	case slices.Contains([]string{fieldName, fieldURL, fieldInterval, fieldConcurrency, fieldClientID, fieldSecret}, name):
		return name, rest
	}
	return "", message
}

func lowered(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToLower(s[:n]) + s[n:]
}
