package apply_test

import (
	"strings"
	"testing"

	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/document"
)

func TestUnknownMembersAreRejected(t *testing.T) {
	for text, want := range map[string]string{
		"kind: check\nname: a\nspec: {expiraton: 1h}":                                                         `expiraton is not known: did you mean "expiration"?`,
		"kind: check\nname: a\nspec: {input: {scroe: 1}}":                                                     `input.scroe is not known: did you mean "score"?`,
		"kind: integration\nname: a\nspec: {config: {api_ulr: x}}":                                            `config.api_ulr is not known: did you mean "api_url"?`,
		"kind: policy\nname: a\nspec: {exlude: []}":                                                           `exlude is not known: did you mean "exclude"?`,
		"kind: policy\nname: a\nspec: {exclude: [{emial: {email: a@b.c}}]}":                                   `exclude[0].emial is not known: did you mean "email"?`,
		"kind: group\nname: a\nspec: {require: [{everyone: {}}, {ip: {cidr: 10.0.0.0/8}}]}":                   `require[1].ip.cidr is not known: there are ip`,
		"kind: application\nname: a\nspec: {sesion_duration: 1h}":                                             `did you mean "session_duration"?`,
		"kind: application\nname: a\nspec: {policies: [{name: p, decison: deny, include: []}]}":               `policies[0].decison is not known: did you mean "decision"?`,
		"kind: application\nname: a\nspec: {policies: [p, {name: p, include: [{every_one: {}}]}]}":            `policies[1].include[0].every_one is not known: did you mean "everyone"?`,
		"kind: application\nname: a\nspec: {destinations: [{type: public, url: a.b}]}":                        `destinations[0].url is not known: did you mean "uri"?`,
		"kind: organization\nspec: {sesion_duration: 1h}":                                                     `did you mean "session_duration"?`,
		"kind: tag\nname: a\nspec: {colour: red}":                                                             `colour is not known: no member goes there`,
		"kind: check\nname: a\nspec: {zzzzzzzzzzzz: 1}":                                                       `zzzzzzzzzzzz is not known: there are type, description`,
		"kind: check\nname: a\nspec: {expiraton: 1h, shedule: 1h}":                                            `shedule is not known`,
		"kind: identity_provider\nname: a\nspec: {config: {client_secrets: x}, scim_config: {enabeld: true}}": `scim_config.enabeld is not known`,
	} {
		docs, err := document.Parse("f", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := apply.New(docs, apply.State{"organization": {{"name": "o"}}}, secrets, apply.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v, want %s", text, err, want)
		}
	}
}
