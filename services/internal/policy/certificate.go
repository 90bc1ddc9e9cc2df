package policy

var certificateRequired = &Problem{Reason: CertificateRequired, Selector: "certificate"}

var _ = register(Selector{Name: "certificate", parse: parseCertificate})

// certificate matches requests with any valid client certificate.
type certificate struct{}

func parseCertificate(body []byte) (Matcher, error) {
	return certificate{}, decode(body, &struct{}{})
}

func (certificate) Matches(f *Facts) Truth {
	if !f.Certificate {
		return lacking(certificateRequired)
	}
	return yes()
}
