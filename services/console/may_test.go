package console_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	buttonTag = regexp.MustCompile(`<button(?:\{\{[^}]*\}\}|[^>{])*>`)
	formTag   = regexp.MustCompile(`<form(?:\{\{[^}]*\}\}|[^>{])*>`)
	// free are templates whose actions need no permission, or that only a control with one leads to.
	free = map[string]bool{"login/login.html": true, "frame/layout.html": true, "device/bulk.html": true,
		"log/log.html": true}
)

// Every control that changes something says so to people who may not: a button that sends a form or opens a dialog has
// {{may "scope"}}. A button in a dialog needs none, as nobody else can open the dialog.
func TestEveryActionNamesItsPermission(t *testing.T) {
	found := 0
	files, err := filepath.Glob("*/*.html")
	if err != nil || len(files) < 12 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if free[filepath.ToSlash(file)] {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		page := string(source)
		for _, at := range buttonTag.FindAllStringIndex(page, -1) {
			before, tag := page[:at[0]], page[at[0]:at[1]]
			opens := strings.Contains(tag, `command="show-modal"`)
			sends := !strings.Contains(tag, `type="button"`) && posts(before)
			if !opens && !sends || strings.LastIndex(before, "<dialog") > strings.LastIndex(before, "</dialog>") {
				continue
			}
			found++
			if !strings.Contains(tag, "{{may ") {
				t.Errorf("%s: %s has no {{may}}", file, tag)
			}
		}
	}
	if found < 30 {
		t.Errorf("found %d controls", found)
	}
}

// posts reports whether the text ends within a form that posts. A button outside of forms belongs to one by its id.
func posts(before string) bool {
	forms := formTag.FindAllStringIndex(before, -1)
	if len(forms) == 0 {
		return true
	}
	last := forms[len(forms)-1]
	tag := before[last[0]:last[1]]
	return strings.Contains(tag, `method="post"`) || strings.LastIndex(before, "</form>") > last[0]
}
