package contexts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Context is one control plane, as somebody.
type Context struct {
	URL     string `yaml:"url" json:"url"`
	Account string `yaml:"account" json:"account"`
	// One of the two: the token, or the path of a file that holds it.
	Token     string `yaml:"token,omitempty" json:"-"`
	TokenFile string `yaml:"token_file,omitempty" json:"token_file,omitempty"`
}

// File is what the file holds.
type File struct {
	Current  string             `yaml:"current,omitempty"`
	Contexts map[string]Context `yaml:"contexts,omitempty"`
}

// Load reads a file. One that is not there has no contexts. One that others can read is refused where it
// holds a token.
func Load(path string) (*File, error) {
	f := &File{Contexts: map[string]Context{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(f); err != nil && len(bytes.TrimSpace(text)) > 0 {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	secret := func(c Context) bool { return c.Token != "" }
	if info.Mode().Perm()&0o077 != 0 && slices.ContainsFunc(slices.Collect(maps.Values(f.Contexts)), secret) {
		return nil, fmt.Errorf("%s holds a token and others can read it: chmod 600 %s", path, path)
	}
	if f.Contexts == nil {
		f.Contexts = map[string]Context{}
	}
	return f, nil
}

// Save writes the file anew, whole or not at all.
func (f *File) Save(path string) error {
	text, err := yaml.Marshal(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".contexts-*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(text)
	if failed := errors.Join(temp.Sync(), temp.Close()); err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Add adds a context, or changes the one that has the name. The first one is the current one.
func (f *File) Add(name string, c Context) error {
	switch {
	case !nameForm.MatchString(name):
		return fmt.Errorf("%q is no name of a context: letters, digits, dots, dashes", name)
	case c.Token != "" && c.TokenFile != "":
		return errors.New("the token and a file of it are both given; keep one")
	}
	f.Contexts[name] = c
	if f.Current == "" {
		f.Current = name
	}
	return nil
}

// NotFoundError is a name that no context has.
type NotFoundError struct {
	Name  string
	Names []string // that there are
}

func (e *NotFoundError) Error() string {
	if len(e.Names) == 0 {
		return fmt.Sprintf("there is no context %q, and no other: plumb context add makes one", e.Name)
	}
	return fmt.Sprintf("there is no context %q; there are %s", e.Name, strings.Join(e.Names, ", "))
}

// Names are those that there are, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.Contexts)) }

// Get gives a context.
func (f *File) Get(name string) (Context, error) {
	c, ok := f.Contexts[name]
	if !ok {
		return c, &NotFoundError{name, f.Names()}
	}
	return c, nil
}

// Use makes a context the current one.
func (f *File) Use(name string) error {
	_, err := f.Get(name)
	if err == nil {
		f.Current = name
	}
	return err
}

// Remove takes a context out. Without it, there is no current one if it was that.
func (f *File) Remove(name string) error {
	_, err := f.Get(name)
	if err != nil {
		return err
	}
	delete(f.Contexts, name)
	if f.Current == name {
		f.Current = ""
	}
	return nil
}
