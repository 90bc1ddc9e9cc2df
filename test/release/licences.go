package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// licenceFiles returns the licences of Plumbline, of Go, and of every module in plumb's binary for a platform. A
// module without a licence is an error, as it may not be distributed.
func licenceFiles(ctx context.Context, p platform) ([]file, error) {
	own, err := os.ReadFile("LICENSE")
	if err != nil {
		return nil, err
	}
	all := []file{{name: "LICENSE", content: own}}
	const format = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}"
	list, err := output(ctx, environment(p), "go", "list", "-deps", "-f", format, "./services/cmd/plumb")
	if err != nil {
		return nil, err
	}
	root, err := output(ctx, nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{"go": strings.TrimSpace(root)}
	for line := range strings.Lines(list) {
		if module, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			dirs[module] = dir
		}
	}
	for module, dir := range dirs {
		found, err := licencesIn(module, dir)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// licencesIn returns the licence files in the directory of a module.
func licencesIn(module, dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []file
	for _, e := range entries {
		if e.IsDir() || !licenceName.MatchString(e.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		found = append(found, file{name: "licences/" + module + "/" + e.Name(), content: content})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("module %s has no licence file in %s", module, dir)
	}
	return found, nil
}
