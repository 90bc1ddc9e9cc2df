package asset

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"plumbline.dev/services/internal/look"
)

//go:embed css/*.css js/*.js vendor/*.js icon.svg
var files embed.FS

// Prefix begins the paths of all assets.
const Prefix = "/assets/"

// file is an asset, as sent.
type file struct {
	kind         string
	body, zipped []byte
}

var (
	paths  = map[string]string{} // by name, such as console.css
	served = map[string]file{}   // by path
)

func init() {
	add("console.css", append([]byte(look.Tokens), join("css")...))
	for _, dir := range []string{"js", "vendor"} {
		for _, name := range names(dir) {
			add(name, read(path.Join(dir, name)))
		}
	}
	add("icon.svg", read("icon.svg"))
}

// Path returns the path of an asset, such as console.css. It panics if there is none.
func Path(name string) string {
	p, ok := paths[name]
	if !ok {
		panic("asset: there is no " + name)
	}
	return p
}

// Handler serves the assets below [Prefix].
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	f, ok := served[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	body := f.body
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the browser may have left
}

// add makes an asset known under a path with a hash of its content.
func add(name string, body []byte) {
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	p := Prefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".svg": "image/svg+xml"}
	paths[name] = p
	served[p] = file{kinds[ext], body, squeeze(body)}
}

func squeeze(body []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = z.Write(body)                                  // a buffer takes all
	_ = z.Close()
	return b.Bytes()
}

// join returns the files of a directory in the order of their names.
func join(dir string) []byte {
	var all []byte
	for _, name := range names(dir) {
		all = append(all, read(path.Join(dir, name))...)
	}
	return all
}

func names(dir string) []string {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		panic(fmt.Sprintf("asset: %v", err))
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func read(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("asset: %v", err))
	}
	return b
}
