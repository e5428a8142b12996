package rule

import (
	"encoding/asn1"
	"encoding/hex"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A dn is a distinguished name (X.501): sets of attributes, most often of one.
type dn []attributeSET

// attributeSET is read as a SET for the end of its name, see encoding/asn1.
type attributeSET []attribute

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// parseDN reads a name; what is none has no parts. crypto/x509 has seen it before.
func parseDN(der []byte) dn {
	var d dn
	if _, err := asn1.Unmarshal(der, &d); err != nil {
		return nil
	}
	return d
}

// attributeNames are OpenSSL's short names; all others stand as numbers.
var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description", "2.5.4.15": "businessCategory", "2.5.4.16": "postalAddress",
	"2.5.4.17": "postalCode", "2.5.4.20": "telephoneNumber", "2.5.4.41": "name", "2.5.4.42": "GN", "2.5.4.43": "initials", "2.5.4.44": "generationQualifier",
	"2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym", "2.5.4.97": "organizationIdentifier",
	"1.2.840.113549.1.9.1": "emailAddress", "1.2.840.113549.1.9.2": "unstructuredName",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.3": "mail", "0.9.2342.19200300.100.1.25": "DC",
	"1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST", "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}

func (a *attribute) name() (name string, known bool) {
	number := a.Type.String()
	if name, known = attributeNames[number]; known {
		return name, true
	}
	return number, false
}

// part is the n-th attribute of a name, from the end for n below 0; nil: none.
func (d dn) part(name string, n int64) []byte {
	step, at, left := 1, 0, n
	var all []attribute
	for _, set := range d {
		all = append(all, set...)
	}
	if n < 0 {
		step, at, left = -1, len(all)-1, -n
	}
	for ; at >= 0 && at < len(all); at += step {
		if short, _ := all[at].name(); !strings.EqualFold(short, name) {
			continue
		}
		if left--; left == 0 {
			return all[at].Value.Bytes
		}
	}
	return nil
}

// appendLine appends HAProxy's form: /C=FR/O=Example/CN=web.test.
func (d dn) appendLine(dst []byte) []byte {
	for _, set := range d {
		for i := range set {
			name, _ := set[i].name()
			dst = append(append(append(dst, '/'), name...), '=')
			dst = append(dst, set[i].Value.Bytes...)
		}
	}
	return dst
}

// OneLine is a name (X.501, in DER) in that form; "" for what is none.
func OneLine(der []byte) string { return string(parseDN(der).appendLine(nil)) }

// Spelt is a name in the form of OpenSSL's tools: C = FR, O = Example, CN = web.test.
func Spelt(der []byte) string {
	var parts []string
	for _, set := range parseDN(der) {
		for i := range set {
			name, _ := set[i].name()
			parts = append(parts, name+" = "+string(set[i].Value.Bytes))
		}
	}
	return strings.Join(parts, ", ")
}

// appendRFC2253 appends the form of LDAP: CN=web.test,O=Example,C=FR (RFC 2253 §2).
func (d dn) appendRFC2253(dst []byte) []byte {
	for i := len(d) - 1; i >= 0; i-- {
		for j := len(d[i]) - 1; j >= 0; j-- {
			a := &d[i][j]
			name, known := a.name()
			dst = append(append(dst, name...), '=')
			if text, ok := a.text(); known && ok {
				dst = appendEscaped(dst, text)
			} else {
				dst = append(dst, '#')
				dst = append(dst, strings.ToUpper(hex.EncodeToString(a.Value.FullBytes))...)
			}
			if j > 0 {
				dst = append(dst, '+')
			}
		}
		if i > 0 {
			dst = append(dst, ',')
		}
	}
	return dst
}

// tagUniversal is the one type of strings that encoding/asn1 has no name for.
const tagUniversal = 28

// text is the value in UTF-8; ok false: it is no text.
func (a *attribute) text() (text []byte, ok bool) {
	b := a.Value.Bytes
	switch a.Value.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString:
		return b, true
	case asn1.TagT61String: // OpenSSL takes it for ISO 8859-1
		for _, c := range b {
			text = utf8.AppendRune(text, rune(c))
		}
		return text, true
	case asn1.TagBMPString:
		units := make([]uint16, 0, len(b)/2)
		for ; len(b) > 1; b = b[2:] {
			units = append(units, uint16(b[0])<<8|uint16(b[1]))
		}
		return []byte(string(utf16.Decode(units))), true
	case tagUniversal:
		for ; len(b) > 3; b = b[4:] {
			text = utf8.AppendRune(text, rune(b[0])<<24|rune(b[1])<<16|rune(b[2])<<8|rune(b[3]))
		}
		return text, true
	}
	return nil, false
}

// appendEscaped protects what has a meaning in the form (RFC 2253 §2.4).
func appendEscaped(dst, text []byte) []byte {
	for i, c := range text {
		first, last := i == 0, i == len(text)-1
		switch {
		case strings.IndexByte(`,+"\<>;`, c) >= 0, c == '#' && first, c == ' ' && (first || last):
			dst = append(dst, '\\', c)
		case c < ' ' || c >= 0x7f:
			dst = append(dst, '\\')
			dst = AppendHex(dst, uint64(c), 2)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
