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

// Context is a control plane and the API token to call it with.
type Context struct {
	URL     string `yaml:"url" json:"url"`
	Account string `yaml:"account" json:"account"`
	// Either the API token, or the path of a file that has it.
	Token     string `yaml:"token,omitempty" json:"-"`
	TokenFile string `yaml:"token_file,omitempty" json:"token_file,omitempty"`
}

// File is the content of the file.
type File struct {
	Current  string             `yaml:"current,omitempty"`
	Contexts map[string]Context `yaml:"contexts,omitempty"`
}

// Load reads a file. A missing file has no contexts. Load returns an error if a file with a token can be read by other
// users.
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
		return nil, fmt.Errorf("%s has an API token and other users can read it: run chmod 600 %s", path, path)
	}
	if f.Contexts == nil {
		f.Contexts = map[string]Context{}
	}
	return f, nil
}

// Save replaces the file atomically.
func (f *File) Save(path string) error {
	text, err := yaml.Marshal(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".contexts-*") // with mode 0600
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

// Add adds or replaces a context. The first one becomes the current one.
func (f *File) Add(name string, c Context) error {
	switch {
	case !nameForm.MatchString(name):
		return fmt.Errorf("context name %q must consist of letters, digits, dots and dashes", name)
	case c.Token != "" && c.TokenFile != "":
		return errors.New("give either a token or a token file, not both")
	}
	f.Contexts[name] = c
	if f.Current == "" {
		f.Current = name
	}
	return nil
}

// NotFoundError is returned for a context that does not exist.
type NotFoundError struct {
	Name  string
	Names []string // of the existing contexts
}

func (e *NotFoundError) Error() string {
	if len(e.Names) == 0 {
		return fmt.Sprintf("context %q does not exist: create it with plumb context add", e.Name)
	}
	return fmt.Sprintf("context %q does not exist: must be one of %s", e.Name, strings.Join(e.Names, ", "))
}

// Names returns the sorted names of the contexts.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.Contexts)) }

// Get returns a context.
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

// Remove removes a context. If it was the current one, there is no current one afterwards.
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
