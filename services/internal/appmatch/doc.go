// Package appmatch tells which application a URL belongs to.
//
// An application's destinations are written host, host:port, host/path or host:port/path, with wildcards
// as Cloudflare documents them ("Application paths"):
//
//   - A host is compared label by label, as A-labels in lower case, without a trailing dot (package hostname):
//     bücher.example covers xn--bcher-kva.example, which is the same host. A * stands for any characters of its
//     own label, none included: *.example.com covers alpha.example.com, neither example.com nor a.b.example.com;
//     *test.example.com covers test.example.com. A label holds one * at most, and is then ASCII.
//   - A path covers itself and all below it: /eng covers /eng and /eng/exec, not /engine. No path, / and /*
//     cover every path. A * stands for any characters, slashes included: /foo*/bar covers /foo/bar,
//     /food/bar and /food/stuff/bar. /alpha/* does not cover /alpha. A segment holds one * at most. Letters
//     of a path differ by case.
//   - A port is an extension of ours, for APIs that do not live on the default port. A destination without a
//     port covers every port; one with a port covers that port, 80 or 443 where the URL has none.
//
// Of several that cover a URL the most specific wins: a host without wildcard, then the host with more
// literal characters, then one with a port, then the path with more literal characters. Nothing is
// inherited from the others. What none covers belongs to no application.
//
// Paths are compared decoded, without empty segments, "." and "..". A proxy must send on the path that was
// compared, or refuse a request whose path is another.
package appmatch
