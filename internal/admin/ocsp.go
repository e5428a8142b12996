package admin

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/ocsp"

	"bascule/internal/cert"
	"bascule/internal/rule"
)

// showResponses is "show ssl ocsp-response [ID]".
func (w worker) showResponses(c *Call) {
	list, wanted, out := w.p.Certificates().Responding(), c.Arg(0), c.Out()
	if wanted == "" && len(list) > 0 {
		fmt.Fprintln(out, "# Certificate IDs")
	}
	for _, crt := range list {
		id := crt.ID()
		switch key := id.Key(); wanted {
		case "":
			fmt.Fprintf(out, "Certificate ID key : %s\n Certificate ID:\n", key)
			writeID(out, id, "   ")
		case key:
			if r := crt.Response(); r != nil {
				writeResponse(out, id, r)
			}
			return
		}
	}
	if wanted != "" {
		c.Fail("Certificate ID does not match any certificate.")
	}
}

func writeID(out *bufio.Writer, id *cert.CertID, indent string) {
	fmt.Fprintf(out, "%[1]sIssuer Name Hash: %[2]X\n%[1]sIssuer Key Hash: %[3]X\n%[1]sSerial Number: %02[4]X\n", indent, id.IssuerNameHash, id.IssuerKeyHash, id.SerialNumber.Bytes())
}

// revocationReasons are those of RFC 5280 §5.3.1 in OpenSSL's words.
var revocationReasons = map[int]string{
	0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded", 5: "cessationOfOperation", 6: "certificateHold", 8: "removeFromCRL",
}

// writeResponse tells of a response as OpenSSL does, but for its extensions, its
// signature and who has signed it.
func writeResponse(out *bufio.Writer, id *cert.CertID, r *ocsp.Response) {
	responder := rule.Spelt(r.RawResponderName)
	if len(r.ResponderKeyHash) > 0 {
		responder = fmt.Sprintf("%X", r.ResponderKeyHash)
	}
	fmt.Fprintf(out, "OCSP Response Data:\n    OCSP Response Status: successful (0x0)\n    Response Type: Basic OCSP Response\n    Version: 1 (0x0)\n")
	fmt.Fprintf(out, "    Responder Id: %s\n    Produced At: %s\n    Responses:\n    Certificate ID:\n      Hash Algorithm: sha1\n", responder, r.ProducedAt.UTC().Format(certTime))
	writeID(out, id, "      ")
	if r.Status == ocsp.Revoked {
		fmt.Fprintf(out, "    Cert Status: revoked\n    Revocation Time: %s\n", r.RevokedAt.UTC().Format(certTime))
		if reason := revocationReasons[r.RevocationReason]; r.RevocationReason != ocsp.Unspecified {
			fmt.Fprintf(out, "    Revocation Reason: %s (0x%x)\n", reason, r.RevocationReason)
		}
	} else {
		fmt.Fprintln(out, "    Cert Status: good")
	}
	fmt.Fprintf(out, "    This Update: %s\n    Next Update: %s\n", r.ThisUpdate.UTC().Format(certTime), r.NextUpdate.UTC().Format(certTime))
}

// setResponse is "set ssl ocsp-response RESPONSE|<payload>".
func (w worker) setResponse(c *Call) {
	text := strings.NewReplacer("\r", "", "\n", "").Replace(c.Payload)
	if text == "" {
		text = c.Arg(0)
	}
	if text == "" {
		c.Fail("'set ssl ocsp-response' expects response in base64 encoding.")
		return
	}
	response, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		c.Fail("'set ssl ocsp-response' received invalid base64 encoded response.")
		return
	}
	about, binds, err := w.p.Certificates().SetResponse(response)
	if err != nil {
		c.Fail("%s.", err)
		return
	}
	c.Say("OCSP Response updated!")
	w.p.Audit(fmt.Sprintf("Runtime socket: set ssl ocsp-response of %s, ordered by %s: until %s, on %d binds", about.Path, c.Who(), about.Response().NextUpdate.UTC().Format(certTime), binds))
}
