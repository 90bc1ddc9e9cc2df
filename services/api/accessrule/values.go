package accessrule

import (
	"net/netip"
	"strings"
	"unicode"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

// A rule with a value that no request can have is a mistake, and in exclude it admits more users than intended. Such
// values are rejected. The error completes the sentence "include[0].email ...".

// ruleValues holds the check for the first required member of each selector.
var ruleValues = map[string]func(string) error{
	"email": checkRuleEmail, "email_domain": checkRuleDomain, "ip": checkRuleIP, "geo": checkRuleCountry,
	"group":       checkRuleGroup,
	"common_name": checkRuleText, "auth_method": checkRuleText, "oidc": checkRuleText, "external_evaluation": checkRuleURL,
}

// checkRuleText rejects control characters, and blanks at either end.
func checkRuleText(text string) error {
	if strings.TrimSpace(text) != text || v4.HasControl(text) {
		return ruleError("has spaces at its ends or control characters, so nothing matches it")
	}
	return nil
}

// maxAddress bounds e-mail addresses, in bytes (RFC 5321).
const maxAddress = 320

func checkRuleEmail(address string) error {
	at := strings.LastIndexByte(address, '@')
	switch {
	case strings.ContainsFunc(address, blank):
		return ruleError("has a space or a control character in the address")
	case strings.HasPrefix(address, "@"), strings.HasPrefix(address, "*@"):
		return ruleError("is not an address: for a whole domain, use email_domain with " + v4.Quote(address[at+1:]))
	case strings.Contains(address, "*"):
		return ruleError("does not support wildcards: list the addresses, or use email_domain")
	case at < 0:
		return ruleError("must be an address such as ann@example.com")
	case len(address) > maxAddress:
		return ruleError("is too long for an address")
	}
	if err := checkRuleDomain(address[at+1:]); err != nil {
		return ruleError("must be an address such as ann@example.com")
	}
	return nil
}

func checkRuleDomain(domain string) error {
	bare := strings.TrimLeft(domain, "@*. ")
	switch {
	case domain != bare && bare != "":
		return ruleError("must be a bare domain, which does not include its subdomains: write " +
			"" + v4.Quote(strings.TrimSpace(bare)))
	case strings.ContainsFunc(domain, blank):
		return ruleError("has a space or a control character in the domain")
	case strings.ContainsAny(domain, "@*/:\\?#,;()<>[]\"'"):
		return ruleError("must be a domain such as example.com")
	case len(domain) > 253:
		return ruleError("is too long for a domain")
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return ruleError("must be a domain such as example.com")
		}
	}
	return nil
}

func blank(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u200b' || r == '\ufeff'
}

func checkRuleIP(text string) error {
	addr, err := netip.ParseAddr(text)
	if err == nil && addr.Zone() == "" {
		return nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err == nil && !prefix.Addr().Is4In6() {
		return nil
	}
	return ruleError("must be an address or a range such as 192.0.2.0/24")
}

// checkRuleCountry accepts the codes of ISO 3166-1, and T1, Cloudflare's code for Tor.
func checkRuleCountry(code string) error {
	if _, known := countries[strings.ToUpper(code)]; !known {
		return ruleError("must be the code of a country (ISO 3166-1 alpha-2) such as DE")
	}
	return nil
}

func checkRuleGroup(id string) error {
	if _, err := proto.ParseID(id); err != nil {
		return ruleError("must be the id of a group")
	}
	return nil
}

func checkRuleURL(text string) error {
	if err := resource.CheckURL(text); err != nil {
		return ruleError("evaluate_url " + err.Error())
	}
	return nil
}

var countries = func() map[string]struct{} {
	all := map[string]struct{}{}
	for code := range strings.FieldsSeq(`
		AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
		CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA
		GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
		KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS
		MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS
		RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW
		TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW T1`) {
		all[code] = struct{}{}
	}
	return all
}()
