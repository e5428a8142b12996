package cert

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
)

// attributes are OpenSSL's short names of what names are made of.
var attributes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description", "2.5.4.15": "businessCategory", "2.5.4.17": "postalCode",
	"2.5.4.41": "name", "2.5.4.42": "GN", "2.5.4.43": "initials", "2.5.4.44": "generationQualifier", "2.5.4.45": "x500UniqueIdentifier",
	"2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym", "2.5.4.97": "organizationIdentifier",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.3": "mail", "0.9.2342.19200300.100.1.25": "DC",
	"1.2.840.113549.1.9.1": "emailAddress", "1.2.840.113549.1.9.2": "unstructuredName",
	"1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST", "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}

// OneLine is a name (X.501, in DER) as HAProxy shows it: "/C=FR/CN=web.test". One
// that is no name is "".
func OneLine(der []byte) string {
	var all pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &all); err != nil || len(rest) > 0 {
		return ""
	}
	var b strings.Builder
	for _, set := range all {
		for _, a := range set {
			kind := a.Type.String()
			if short := attributes[kind]; short != "" {
				kind = short
			}
			b.WriteByte('/')
			b.WriteString(kind)
			b.WriteByte('=')
			if text, ok := a.Value.(string); ok {
				b.WriteString(text)
			}
		}
	}
	return b.String()
}
