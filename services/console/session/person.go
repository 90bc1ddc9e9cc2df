package session

import (
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/plumb/client"
)

// Person is a person who uses the console, with their own credential for the API: an API token, or the gateway's
// assertion.
type Person struct {
	Name      string // e-mail address, or name of the API token
	Account   proto.Account
	Token     string // API token
	Assertion string // the gateway's assertion, if Token is empty
}

// Initials returns up to two letters for the person's picture.
func (p Person) Initials() string {
	name, _, _ := strings.Cut(p.Name, "@")
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" .-_:", r) })
	var letters []rune
	for _, w := range words {
		letters = append(letters, []rune(w)[0])
	}
	if len(words) == 1 {
		letters = []rune(words[0])
	}
	if len(letters) == 0 {
		return "?"
	}
	return strings.ToUpper(string(letters[:min(2, len(letters))]))
}

// Gateway reports whether the gateway authenticated the person, so that the console has no session of theirs.
func (p Person) Gateway() bool { return p.Assertion != "" }

// Key identifies the person and their permissions. Two requests of a member have different assertions and one key.
func (p Person) Key() string {
	if p.Gateway() {
		return "member " + p.Account.String() + " " + p.Name
	}
	return "token " + p.Account.String() + " " + p.Token
}

// Client returns the configuration of the person's client: c with their credential and account.
func (p Person) Client(c client.Config) client.Config {
	c.Token, c.Assertion, c.Account = p.Token, p.Assertion, p.Account
	return c
}
