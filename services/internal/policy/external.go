package policy

import (
	"errors"
	"net/url"
)

var (
	errEvaluation       = errors.New("evaluate_url and keys_url must be URLs of the form https://host/path")
	externalUnavailable = &Problem{Reason: ExternalUnavailable, Selector: "external_evaluation"}
)

var _ = register(Selector{
	Name: "external_evaluation", Members: []string{"evaluate_url", "keys_url"}, Usage: "URL,KEYS-URL",
	Identity: true, parse: parseExternal,
})

// Evaluation identifies an external service that allows or denies a person (api/README.md 4.3, external_evaluation).
// This package does not call it.
type Evaluation struct {
	EvaluateURL string // the endpoint to call
	KeysURL     string // URL of the keys to verify the endpoint's answer
}

// evaluation matches the people that the external service allows.
type evaluation struct{ Evaluation }

func parseExternal(body []byte) (Matcher, error) {
	var b struct {
		EvaluateURL string `json:"evaluate_url"`
		KeysURL     string `json:"keys_url"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	for _, s := range []string{b.EvaluateURL, b.KeysURL} {
		u, err := url.Parse(s)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
			return nil, errEvaluation
		}
	}
	return evaluation{Evaluation(b)}, nil
}

func (e evaluation) Matches(f *Facts) Truth {
	if !f.LoggedIn {
		return no()
	}
	answer, known := f.External[e.Evaluation]
	if !known {
		return unknown(externalUnavailable)
	}
	return truth(answer)
}
