package api

func groupBody(name string, rules ...map[string]any) map[string]any {
	return map[string]any{"name": name, "include": append(rules, map[string]any{"email_domain": map[string]any{"domain": "example.com"}})}
}

func groupRule(id any) map[string]any {
	return map[string]any{"group": map[string]any{"id": id}}
}
