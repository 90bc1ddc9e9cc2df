// Package copyas writes actions of the console in the form of other tools: curl, plumb, the YAML of plumb apply, and
// Terraform. Every value is quoted for its tool. A secret is never written, only a reference to it.
package copyas

import (
	"encoding/json"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/plumb/reference"
)

// Text is an action in the form of one tool.
type Text struct {
	ID   string // of the element
	Name string // of the tool
	Text string
}

// Curl returns a request to the API. path is below the account; body may be nil.
func Curl(account proto.Account, method, path string, body any) Text {
	text := "curl"
	if method != "GET" && method != "POST" {
		text += " -X " + method
	}
	text += ` "$PLUMB_URL/client/v4/accounts/` + account.String() + path + "\" \\\n  -H \"Authorization: Bearer $PLUMB_TOKEN\""
	switch b, err := json.MarshalIndent(body, "", "  "); {
	case err == nil && body != nil:
		text += " \\\n  --json " + Shell(string(b))
	case method == "POST":
		text += " -X POST"
	}
	return Text{"copy-curl", "curl", text}
}

// Plumb returns a command of plumb. Words that are no flag names are quoted.
func Plumb(words ...string) Text {
	all := []string{"plumb"}
	for _, w := range words {
		all = append(all, Shell(w))
	}
	return Text{"copy-plumb", "plumb", strings.Join(all, " ")}
}

// YAML returns a document for plumb apply, with lines of a spec.
func YAML(kind, name string, spec ...string) Text {
	text := "kind: " + kind + "\nname: " + quoted(name) + "\nspec:\n"
	for _, line := range spec {
		text += "  " + line + "\n"
	}
	return Text{"copy-yaml", "YAML for plumb apply", text}
}

// Terraform returns a resource, with lines of its body.
func Terraform(kind string, body ...string) Text {
	text := "resource \"" + kind + "\" \"this\" {\n  account_id = var.account_id\n"
	for _, line := range body {
		text += "  " + line + "\n"
	}
	return Text{"copy-terraform", "Terraform", text + "}"}
}

// Shell quotes a word for a POSIX shell, unless it needs no quotes.
func Shell(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Quoted quotes a text for a spec of plumb apply. It is no reference there, such as ${env:NAME}.
func Quoted(s string) string { return quoted(reference.Escape(s)) }

// quoted quotes a text for YAML, which reads JSON.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

// HCL quotes a text for Terraform, where ${ and %{ begin expressions.
func HCL(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{", `\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(quoted(s))
}
