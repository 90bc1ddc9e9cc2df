package login

// Exported for the tests of package gateway, which this package cannot import.
var NewIDP = newIDP

// Credentials are the credentials of a client of the provider.
func (p *idp) Credentials() (id, secret string) { return p.clientID, p.secret }
