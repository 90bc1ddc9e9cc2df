package policy

var _ = register(Selector{Name: "everyone", parse: parseEveryone})

// everyone matches every request.
type everyone struct{}

func parseEveryone(body []byte) (Matcher, error) {
	return everyone{}, decode(body, &struct{}{})
}

func (everyone) Matches(*Facts) Truth { return yes() }
