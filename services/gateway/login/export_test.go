package login

// For the tests of the whole gateway, which this package cannot import.
var NewIDP = newIDP

// Credentials are what a client of the provider shows.
func (p *idp) Credentials() (id, secret string) { return p.clientID, p.secret }
