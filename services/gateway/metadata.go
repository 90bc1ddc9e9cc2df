package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/proxy"
)

// serveMetadata describes how an application is protected (api/README.md 8.5). It is public.
func (f *front) serveMetadata(w http.ResponseWriter, r *http.Request, q proxy.Request) {
	about := *q.URL
	about.RawQuery, about.ForceQuery = "", false
	about.Path = strings.TrimPrefix(about.Path, gate.MetadataPath)
	if about.Path == "" {
		about.Path = "/"
	}
	if about.RawPath != "" {
		about.RawPath = strings.TrimPrefix(about.RawPath, gate.MetadataPath)
	}
	_, known := f.gate.Find(&about)
	switch {
	case !known:
		f.nothing(w, http.StatusNotFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		f.nothing(w, http.StatusMethodNotAllowed)
		return
	}
	resource := url.URL{Scheme: about.Scheme, Host: about.Host, Path: about.Path, RawPath: about.RawPath}
	type method struct {
		Name string `json:"name"`
		Help string `json:"instructions"`
	}
	body, err := json.Marshal(struct {
		Resource  string   `json:"resource"`
		Protected bool     `json:"protected"`
		Team      string   `json:"team_domain"`
		Servers   []string `json:"authorization_servers"`
		Methods   []method `json:"authentication_methods"`
	}{resource.String(), true, f.team.Host, []string{f.team.String()}, []method{
		{"cloudflared", "cloudflared access login " + resource.String()},
		{"service_token", "Send the headers CF-Access-Client-Id and CF-Access-Client-Secret."},
	}})
	if err != nil { // the path is not valid UTF-8
		f.nothing(w, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_, _ = w.Write(body) // the client may have gone
}
