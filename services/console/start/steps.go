package start

import "fmt"

// step is a step with its state.
type step struct {
	Number int
	Title  string
	Text   string
	Done   bool
	Path   string // of the screen
	Action string
	CLI    string
	YAML   string
}

// ID returns the id of an element of the step.
func (s step) ID(part string) string { return fmt.Sprintf("%s-%d", part, s.Number) }

// steps returns the steps in order, for an account with a state. The commands build on each other.
func steps(s state) []step {
	all := []step{
		{Title: "Create a service token", Done: s.Token, Path: "/tokens/new", Action: "Create service token",
			Text: "Plumbline calls your scoring API as a program. Its Client ID and Client Secret let it in. Keep the " +
				"secret: it is shown once.",
			CLI:  "plumb token create --name posture-api --secret-file secret",
			YAML: "kind: service_token\nname: posture-api\nspec:\n  duration: 8760h\n"},
		{
			Title:  "Add the application of the scoring API",
			Done:   s.Application,
			Path:   "/applications/new",
			Action: "Add application",
			Text: "An application is the host that the gateway protects: here that of your scoring API. The fetchers " +
				"then send it an application token, and never the secret.",
			CLI: "plumb app create --name scores --domain scores.example.com",
			YAML: "kind: application\nname: scores\nspec:\n  type: self_hosted\n  destinations:\n    - type: public\n  " +
				"    uri: scores.example.com\n",
		},
		{
			Title:  "Let the service token in",
			Done:   s.Policy,
			Path:   "/applications",
			Action: "Open the application, then Add policy",
			Text:   "A policy with the decision Service Auth that includes the service token. Without a policy nobody gets in.",
			CLI: "plumb policy create --name fetchers --decision non_identity --include service_token=posture-api\n" +
				"plumb app edit scores --policy fetchers",
			YAML: "kind: policy\nname: fetchers\nspec:\n  decision: non_identity\n  include:\n    - service_token:\n     " +
				"   token_id: posture-api\n",
		},
		{Title: "Add the integration, and test it", Done: s.Integration, Path: "/integrations/new", Action: "Test and save",
			Text: "The URL of the scoring API, how often to ask it, and the service token. Test and save shows the " +
				"connection, the response and the scores before anything is stored.",
			CLI: "plumb integration create --name EDR --api-url https://scores.example.com/posture --interval 5m \\\n  " +
				"--client-id CLIENT_ID --client-secret-file secret",
			YAML: "kind: integration\nname: EDR\nspec:\n  type: custom_s2s\n  interval: 5m\n  config:\n    api_url: " +
				"https://scores.example.com/posture\n    access_client_id: posture-api\n    access_client_secret: " +
				"${env:CLIENT_SECRET}\n"},
		{Title: "Enrol devices", Done: s.Devices, Path: "/devices", Action: "Devices",
			Text: "A CSV or JSON file with the serial number, the host name and the user of each device. Only enrolled " +
				"devices are polled.",
			CLI: "plumb devices import devices.csv"},
		{Title: "Add a check", Done: s.Check, Path: "/checks", Action: "Add a check",
			Text: "A check says which scores pass. Begin in observe mode: every outcome is pass, and you see what would fail.",
			CLI:  "plumb check create --name healthy --integration EDR --operator '>=' --score 60 --mode observe",
			YAML: "kind: check\nname: healthy\nspec:\n  type: custom_s2s\n  x_mode: observe\n  input:\n    " +
				"connection_id: EDR\n    operator: \">=\"\n    score: 60\n"},
		{Title: "Look at the posture log", Done: s.Polled, Path: "/logs/posture", Action: "Posture log",
			Text: "Each poll writes what was expected, what was received and the outcome, device by device. The first " +
				"one begins when the integration is saved.",
			CLI: "plumb log posture --follow"},
		{Title: "Require the check in a policy", Done: s.Used, Path: "/applications", Action: "Applications",
			Text: "In the policy of an application for people, add the check under Require. Devices that fail are denied " +
				"with the next request.",
			CLI: "plumb policy create --name staff --decision allow --include email_domain=example.com --require " +
				"device_posture=healthy\n" +
				"plumb app edit wiki --policy staff",
			YAML: "kind: policy\nname: staff\nspec:\n  decision: allow\n  include:\n    - email_domain:\n        domain: " +
				"example.com\n  require:\n    - device_posture:\n        integration_uid: healthy\n"},
	}
	for n := range all {
		all[n].Number = n + 1
	}
	return all
}
