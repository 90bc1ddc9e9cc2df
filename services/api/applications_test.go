package api

func with2(m map[string]any, name string, v any) map[string]any { m[name] = v; return m }
