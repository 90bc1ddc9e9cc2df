package policy

import "errors"

var errCommonName = errors.New("common_name is empty")

var _ = register(Selector{
	Name: "common_name", Aliases: []string{"common_names"}, Members: []string{"common_name"}, Value: "common_name",
	Usage: "NAME", parse: parseCommonName,
})

// commonName matches requests with a valid client certificate of one common name. The comparison is exact.
type commonName struct{ name string }

func parseCommonName(body []byte) (Matcher, error) {
	var b struct {
		CommonName string `json:"common_name"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	if b.CommonName == "" {
		return nil, errCommonName
	}
	return commonName{b.CommonName}, nil
}

func (c commonName) Matches(f *Facts) Truth {
	if !f.Certificate {
		return lacking(certificateRequired)
	}
	return truth(f.CommonName == c.name)
}
