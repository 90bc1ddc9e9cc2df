package page

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// PrefersJSON reports whether a client prefers JSON to a page: its Accept header names JSON, and no page with a
// higher weight.
func PrefersJSON(h http.Header) bool {
	values := h["Accept"]
	if len(values) == 0 {
		return false
	}
	best := map[string]float64{"json": -1, "html": -1}
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			kind, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			q := 1.0
			if s, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(s, 64); err != nil || q < 0 || q > 1 {
					continue
				}
			}
			switch {
			case kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"):
				best["json"] = max(best["json"], q)
			case kind == "text/html" || kind == "application/xhtml+xml":
				best["html"] = max(best["html"], q)
			}
		}
	}
	return best["json"] > 0 && best["json"] >= best["html"]
}
