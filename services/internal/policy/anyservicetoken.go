package policy

var _ = register(Selector{Name: "any_valid_service_token", parse: parseAnyServiceToken})

// anyServiceToken matches requests with the credentials of any service token.
type anyServiceToken struct{}

func parseAnyServiceToken(body []byte) (Matcher, error) {
	return anyServiceToken{}, decode(body, &struct{}{})
}

func (anyServiceToken) Matches(f *Facts) Truth {
	if f.ServiceToken.IsZero() {
		return withoutToken(f)
	}
	return yes()
}
