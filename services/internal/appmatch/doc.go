// Package appmatch finds the application of a URL.
//
// An application's destinations have the form host, host:port, host/path or host:port/path, with wildcards as
// documented by Cloudflare ("Application paths"):
//
//   - Hosts are compared label by label, as A-labels in lower case, without a trailing dot (package hostname):
//     bücher.example covers xn--bcher-kva.example, the same host. A * stands for any characters of its own label,
//     including none: *.example.com covers alpha.example.com, but neither example.com nor a.b.example.com;
//     *test.example.com covers test.example.com. A label has at most one * and is then ASCII.
//   - A path covers itself and everything below: /eng covers /eng and /eng/exec, not /engine. No path, / and /* cover
//     every path. A * stands for any characters including slashes: /foo*/bar covers /foo/bar, /food/bar and
//     /food/stuff/bar. /alpha/* does not cover /alpha. A segment has at most one *. Paths are case-sensitive.
//   - A port is our own extension, for APIs on other ports. A destination without a port covers every port; one with a
//     port covers that port, and 80 or 443 if the URL has none.
//
// If several destinations cover a URL, the most specific wins: a host without a wildcard, then the host with more
// literal characters, then one with a port, then the path with more literal characters. Nothing is inherited from the
// others. A URL without a matching destination belongs to no application.
//
// Paths are compared decoded, without empty segments, "." and "..". A proxy must forward the compared path, or deny a
// request with a different one.
package appmatch
