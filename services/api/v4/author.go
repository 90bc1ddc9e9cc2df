package v4

// Author returns the name of the request's author, for people: the e-mail address of the API key, or the name of the
// token, or its id if it has no name.
func (c *Call) Author() string {
	switch {
	case c.Token.Email != "":
		return c.Token.Email
	case c.Token.Name != "":
		return c.Token.Name
	}
	return c.Token.ID.String()
}
