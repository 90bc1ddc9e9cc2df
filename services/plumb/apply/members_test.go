package apply_test

import (
	"strings"
	"testing"

	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/document"
)

func TestUnknownMembersAreRejected(t *testing.T) {
	for text, want := range map[string]string{
		"kind: check\nname: a\nspec: {expiraton: 1h}":                                                         `unknown member expiraton: did you mean "expiration"?`,
		"kind: check\nname: a\nspec: {input: {scroe: 1}}":                                                     `unknown member input.scroe: did you mean "score"?`,
		"kind: integration\nname: a\nspec: {config: {api_ulr: x}}":                                            `unknown member config.api_ulr: did you mean "api_url"?`,
		"kind: policy\nname: a\nspec: {exlude: []}":                                                           `unknown member exlude: did you mean "exclude"?`,
		"kind: policy\nname: a\nspec: {exclude: [{emial: {email: a@b.c}}]}":                                   `unknown member exclude[0].emial: did you mean "email"?`,
		"kind: group\nname: a\nspec: {require: [{everyone: {}}, {ip: {cidr: 10.0.0.0/8}}]}":                   `unknown member require[1].ip.cidr: must be one of ip`,
		"kind: application\nname: a\nspec: {sesion_duration: 1h}":                                             `did you mean "session_duration"?`,
		"kind: application\nname: a\nspec: {policies: [{name: p, decison: deny, include: []}]}":               `unknown member policies[0].decison: did you mean "decision"?`,
		"kind: application\nname: a\nspec: {policies: [p, {name: p, include: [{every_one: {}}]}]}":            `unknown member policies[1].include[0].every_one: did you mean "everyone"?`,
		"kind: application\nname: a\nspec: {destinations: [{type: public, url: a.b}]}":                        `unknown member destinations[0].url: did you mean "uri"?`,
		"kind: organization\nspec: {sesion_duration: 1h}":                                                     `did you mean "session_duration"?`,
		"kind: tag\nname: a\nspec: {colour: red}":                                                             `unknown member colour: no members are allowed here`,
		"kind: check\nname: a\nspec: {zzzzzzzzzzzz: 1}":                                                       `unknown member zzzzzzzzzzzz: must be one of type, description`,
		"kind: check\nname: a\nspec: {expiraton: 1h, shedule: 1h}":                                            `unknown member shedule`,
		"kind: identity_provider\nname: a\nspec: {config: {client_secrets: x}, scim_config: {enabeld: true}}": `unknown member scim_config.enabeld`,
	} {
		docs, err := document.Parse("f", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := apply.New(docs, apply.State{"organization": {{"name": "o"}}}, secrets, apply.Options{}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v, want %s", text, err, want)
		}
	}
}
