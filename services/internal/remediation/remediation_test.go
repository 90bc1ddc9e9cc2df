package remediation

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestRemediation(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"Call IT.":                   "<p>Call IT.</p>\n",
		"One\nline\n\nTwo & <three>": "<p>One<br>\nline</p>\n<p>Two &amp; &lt;three&gt;</p>\n",
		"- a\n- *b* **c** `d`":       "<ul>\n<li>a</li>\n<li><em>b</em> <strong>c</strong> <code>d</code></li>\n</ul>\n",
		"3. a\n4. b":                 "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>\n",
		"```\n<x>\n```":              "<pre><code>&lt;x&gt;\n</code></pre>\n",
		"# Not a heading":            "<p># Not a heading</p>\n",
		"[IT](https://it.example.com/a?b=1&c=2 \"title\")": `<p><a href="https://it.example.com/a?b=1&amp;c=2" ` +
			`rel="noreferrer noopener" target="_blank">IT</a></p>` + "\n",
		"<https://it.example.com>": `<p><a href="https://it.example.com" rel="noreferrer noopener" target="_blank">` +
			"https://it.example.com</a></p>\n",
		"[mail](mailto:it@example.com)": `<p><a href="mailto:it@example.com" rel="noreferrer">mail</a></p>` + "\n",
	} {
		if got := string(render(text)); got != want {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
	}
}

// attacks are texts whose markup must not reach the page.
var attacks = []string{
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
	"<a href='javascript:alert(1)'>x</a>", "<!-- --><script>x</script><!-- -->", "<![CDATA[<script>x</script>]]>",
	"<?php x ?>", "<style>*{display:none}</style>", "<base href=//evil.example>",
	"<meta http-equiv=refresh content='0;url=//evil.example'>", "<form action=//evil.example><input>",
	"</div></main><script>x</script>", "<iframe srcdoc='<script>x</script>'>",
	"<math><mtext><table><mglyph><style><img src=x onerror=x>", "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))",
	"[x](java\nscript:alert(1))", "[x](java\tscript:alert(1))", "[x](&#106;avascript:alert(1))",
	"[x](javascript&colon;alert(1))", "[x](&#x6A&#x61;vascript:alert(1))", "[x](\x01javascript:alert(1))",
	"[x](<javascript:alert(1)>)", "[x](  javascript:alert(1))", "[x](javascript&#58;alert(1))",
	"[x](%6aavascript:alert(1))", "[x](vbscript:x)", "[x](file:///etc/passwd)", "[x](data:text/html,<script>x</script>)",
	"[x](data:image/png;base64,AAAA)", "[x](data:image/svg+xml,<svg onload=x>)", "![x](data:image/svg+xml,<svg onload=x>)",
	"![x](https://evil.example/track.png)", "![x](javascript:alert(1))", "<javascript:alert(1)>", "<data:text/html,x>",
	"[x]: javascript:alert(1)\n\n[x]", "[x][y]\n\n[y]: data:text/html,x", "[x](//evil.example)",
	"[x](/cdn-cgi/access/logout)", "[x](?a)", "[x](#a)", "[x](https:evil)", "[x](https://a.example/\"onmouseover=x)",
	"[x](https://a.example/'onmouseover=x//)", "[x](https://a.example 'a\" onmouseover=\"x')",
	"[x](https://a.example \"a' onmouseover='x\")", "[<img src=x onerror=x>](https://a.example)",
	"[x](https://a.example/<script>)", "`<script>x</script>`", "```html onload=x\n<script>x</script>\n```",
	"```\"><script>x</script>\nx\n```", "    <script>x</script>", "&lt;script&gt;alert(1)&lt;/script&gt;",
	"&#60;script&#62;x", "&amp;lt;script&gt;", "<a\nhref=x>", "<<script>script>x", "\x00<script>x</script>",
	"<scr\x00ipt>x", "\ufeff<script>x", "+ADw-script+AD4-x", "{{.Style}}", "{{`<script>`}}", "</p></div>", "*<b>*",
	"**[x](javascript:x)**", "- [x](javascript:x)\n  - <b>\n    - <script>", "1. <script>", "999999999. x", "-1. x",
	"[x](https://user:pass@evil.example)", "[x](https://evil.example\\@good.example)", "[x](http://[::1)",
	"[x](https://%zz)", "[x](mailto:a@b.c?subject=<script>)",
	strings.Repeat("[", 2000), strings.Repeat("*", 2000), strings.Repeat("- ", 1000), strings.Repeat("`", 2000),
	strings.Repeat("[x](", 500), strings.Repeat("![", 1000), strings.Repeat("<", 2000), strings.Repeat("&", 2000),
	strings.Repeat("_a", 1000), strings.Repeat("*a_", 666), strings.Repeat("[a](https://a)", 142),
	strings.Repeat("1. ", 666), strings.Repeat("\n", 2000), strings.Repeat("\xff", 2000),
	strings.Repeat("[a", 500) + strings.Repeat("](x)", 250), strings.Repeat("**x* ", 400), strings.Repeat("&#0;", 500),
}

// harmless fails the test unless HTML has only the elements, the attributes and the URLs that a remediation may have,
// and closes what it opens.
func harmless(t *testing.T, text, rendered string) {
	t.Helper()
	if len(rendered) > 12*maxRendered {
		t.Errorf("%.80q: %d bytes", text, len(rendered))
	}
	var open []string
	z := html.NewTokenizer(strings.NewReader(rendered))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				t.Errorf("%.80q: %v", text, z.Err())
			}
			if len(open) > 0 {
				t.Errorf("%.80q leaves %v open:\n%.500s", text, open, rendered)
			}
			return
		case html.CommentToken, html.DoctypeToken:
			t.Errorf("%.80q: %v", text, z.Token())
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := z.Token()
			if !slices.Contains([]string{"p", "ul", "ol", "li", "em", "strong", "code", "pre", "br", "a"}, tag.Data) {
				t.Errorf("%.80q has the element %v", text, tag)
			}
			for _, a := range tag.Attr {
				harmlessAttribute(t, text, tag.Data, a)
			}
			if kind == html.StartTagToken && tag.Data != "br" {
				open = append(open, tag.Data)
			}
		case html.EndTagToken:
			tag := z.Token()
			if len(open) == 0 || open[len(open)-1] != tag.Data {
				t.Errorf("%.80q closes %s in %v:\n%.500s", text, tag.Data, open, rendered)
				return
			}
			open = open[:len(open)-1]
		}
	}
}

func harmlessAttribute(t *testing.T, text, element string, a html.Attribute) {
	t.Helper()
	switch element + " " + a.Key {
	case "a href":
		u, err := url.Parse(a.Val)
		if err != nil || !slices.Contains([]string{"http", "https", "mailto"}, u.Scheme) {
			t.Errorf("%.80q links to %q", text, a.Val)
		}
	case "a rel":
		if !strings.Contains(a.Val, "noreferrer") {
			t.Errorf("%.80q has rel=%q", text, a.Val)
		}
	case "a target":
		if a.Val != "_blank" {
			t.Errorf("%.80q has target=%q", text, a.Val)
		}
	case "ol start":
	default:
		t.Errorf("%.80q has the attribute %s of %s", text, a.Key, element)
	}
}

func TestRemediationIsHarmless(t *testing.T) {
	for _, text := range attacks {
		harmless(t, text, string(render(text)))
	}
}

func TestKeptAdviceIsBounded(t *testing.T) {
	for n := range 3 * maxAdvice {
		text := fmt.Sprintf("*%d*", n)
		if first, again := HTML(text), HTML(text); first != render(text) || again != first {
			t.Fatalf("%q: %q, then %q", text, first, again)
		}
	}
	advice.Lock()
	defer advice.Unlock()
	if len(advice.html) > maxAdvice {
		t.Errorf("%d texts are kept", len(advice.html))
	}
}

func FuzzRemediation(f *testing.F) {
	for _, text := range attacks {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) <= 4*2000 {
			harmless(t, text, string(render(text)))
		}
	})
}

func BenchmarkRemediation(b *testing.B) {
	for name, text := range map[string]string{
		"usual":    strings.Repeat("- Start the *agent*, [call](https://it.example.com)\n", 5),
		"brackets": strings.Repeat("[", 2000), "stars": strings.Repeat("*a_", 666), "lists": strings.Repeat("- ", 1000)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				render(text)
			}
		})
	}
}
