package admin

import (
	"bufio"
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // fingerprints are known by it
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bascule/internal/rule"
)

// certTime is how OpenSSL writes times of certificates, in GMT.
const certTime = "Jan _2 15:04:05 2006 GMT"

// showCertificate is "show ssl cert [FILE]".
func (w worker) showCertificate(c *Call) {
	shelf, name := &w.p.Certificates().Certificates, c.Arg(0)
	if name == "" {
		list(c, shelf.List(), func(int) string { return "" })
		return
	}
	crt, used, ok := shelf.Look(name)
	if !ok {
		c.Fail("Can't display the certificate: Not found or the certificate is a bundle!")
		return
	}
	out := c.Out()
	writeStatus(out, name, crt != nil, used)
	key := ""
	defer func() { fmt.Fprintf(out, "OCSP Response Key: %s\n", key) }()
	if crt == nil {
		return
	}
	writeCertificate(out, crt.Leaf)
	for _, der := range crt.Certificate.Certificate[1:] {
		if link, err := x509.ParseCertificate(der); err == nil {
			fmt.Fprintf(out, "Chain Subject: %s\nChain Issuer: %s\n", rule.OneLine(link.RawSubject), rule.OneLine(link.RawIssuer))
		}
	}
	if id := crt.ID(); id != nil {
		key = id.Key()
	}
}

// showAuthorities is "show ssl ca-file [FILE[:INDEX]]".
func (w worker) showAuthorities(c *Call) {
	shelf := &w.p.Certificates().Authorities
	if c.Arg(0) == "" {
		list(c, shelf.List(), func(size int) string { return fmt.Sprintf(" - %d certificate(s)", size) })
		return
	}
	name, index, ok := indexed(c, "CA")
	if !ok {
		return
	}
	all, used, ok := shelf.Look(name)
	if !ok {
		c.Fail("Can't display the CA file : Not found!")
		return
	}
	if all == nil || index > len(all.List) {
		return
	}
	out := c.Out()
	writeStatus(out, name, true, used)
	for i, ca := range all.List {
		if index == 0 || index == i+1 {
			fmt.Fprintf(out, " \nCertificate #%d:\n", i+1)
			writeCertificate(out, ca)
		}
	}
}

// showRevocations is "show ssl crl-file [FILE[:INDEX]]".
func (w worker) showRevocations(c *Call) {
	shelf := &w.p.Certificates().Revocations
	if c.Arg(0) == "" {
		list(c, shelf.List(), func(int) string { return "" })
		return
	}
	name, index, ok := indexed(c, "CRL")
	if !ok {
		return
	}
	all, used, ok := shelf.Look(name)
	if !ok {
		c.Fail("Can't display the CRL file : Not found!")
		return
	}
	out := c.Out()
	writeStatus(out, name, all != nil, used)
	if all == nil {
		return
	}
	all.Each(func(number int, l *x509.RevocationList) {
		if index == 0 || index == number {
			fmt.Fprintf(out, " \nCertificate Revocation List #%d:\n", number)
			writeRevocations(out, l)
		}
	})
}

// indexed takes FILE[:INDEX] apart; 0 stands for all.
func indexed(c *Call, kind string) (name string, index int, ok bool) {
	name = c.Arg(0)
	if colon := strings.LastIndexByte(name, ':'); colon >= 0 {
		n, err := strconv.Atoi(name[colon+1:])
		if err != nil || n <= 0 {
			c.Fail("wrong %s index after colons in '%s'!", kind, name)
			return "", 0, false
		}
		name, index = name[:colon], n
	}
	return name, index, true
}

// showList is "show ssl crt-list [-n] [FILE]": the names of all, or the lines of one,
// with -n their numbers too.
func (w worker) showList(c *Call) {
	lists, name, numbers := w.p.Certificates().Lists(), c.Arg(0), c.Arg(0) == "-n"
	if numbers {
		name = c.Arg(1)
	}
	out := c.Out()
	switch entries, ok := lists[name]; {
	case numbers && name == "":
		c.Fail("'show ssl crt-list -n' expects a filename or a directory")
	case name == "":
		for _, name := range slices.Sorted(maps.Keys(lists)) {
			fmt.Fprintln(out, name)
		}
	case !ok:
		c.Fail("didn't find the specified filename")
	default:
		fmt.Fprintf(out, "# %s\n", name)
		for _, e := range entries {
			fmt.Fprintln(out, e.Text(numbers))
		}
	}
}

func writeStatus(out *bufio.Writer, name string, filled, used bool) {
	status := "Unused"
	if !filled {
		status = "Empty"
	} else if used {
		status = "Used"
	}
	fmt.Fprintf(out, "Filename: %s\nStatus: %s\n", name, status)
}

// writeCertificate tells of a certificate, in HAProxy's words and order.
func writeCertificate(out *bufio.Writer, c *x509.Certificate) {
	fmt.Fprintf(out, "Serial: %s\nnotBefore: %s\nnotAfter: %s\n", serial(c), c.NotBefore.UTC().Format(certTime), c.NotAfter.UTC().Format(certTime))
	fmt.Fprintf(out, "Subject Alternative Name: %s\n", strings.Join(alternatives(c), ", "))
	fmt.Fprintf(out, "Algorithm: %s\nSHA1 FingerPrint: %X\n", algorithm(c), sha1.Sum(c.Raw)) //nolint:gosec // see import
	fmt.Fprintf(out, "Subject: %s\nIssuer: %s\n", rule.OneLine(c.RawSubject), rule.OneLine(c.RawIssuer))
}

// signatures are OpenSSL's names where they are not those of crypto/x509.
var signatures = map[x509.SignatureAlgorithm]string{
	x509.SHA1WithRSA: "sha1WithRSAEncryption", x509.SHA256WithRSA: "sha256WithRSAEncryption", x509.SHA384WithRSA: "sha384WithRSAEncryption", x509.SHA512WithRSA: "sha512WithRSAEncryption",
	x509.SHA256WithRSAPSS: "rsassaPss", x509.SHA384WithRSAPSS: "rsassaPss", x509.SHA512WithRSAPSS: "rsassaPss",
	x509.ECDSAWithSHA1: "ecdsa-with-SHA1", x509.ECDSAWithSHA256: "ecdsa-with-SHA256", x509.ECDSAWithSHA384: "ecdsa-with-SHA384", x509.ECDSAWithSHA512: "ecdsa-with-SHA512",
	x509.PureEd25519: "ED25519",
}

// writeRevocations tells of a list of revoked certificates, likewise.
func writeRevocations(out *bufio.Writer, l *x509.RevocationList) {
	until := "NONE"
	if !l.NextUpdate.IsZero() {
		until = l.NextUpdate.UTC().Format(certTime)
	}
	fmt.Fprintf(out, "Version 2\nSignature Algorithm: %s\nIssuer: %s\n", cmp.Or(signatures[l.SignatureAlgorithm], l.SignatureAlgorithm.String()), rule.OneLine(l.RawIssuer))
	fmt.Fprintf(out, "Last Update: %s\nNext Update: %s\n", l.ThisUpdate.UTC().Format(certTime), until)
	if len(l.RevokedCertificateEntries) == 0 {
		fmt.Fprintln(out, "No Revoked Certificates.")
		return
	}
	fmt.Fprintln(out, "Revoked Certificates:")
	for _, r := range l.RevokedCertificateEntries {
		fmt.Fprintf(out, "    Serial Number: %02X\n        Revocation Date: %s\n", r.SerialNumber.Bytes(), r.RevocationTime.UTC().Format(certTime))
	}
}

func serial(c *x509.Certificate) string { return fmt.Sprintf("%02X", c.SerialNumber.Bytes()) }

// alternatives are the names that a certificate is for. HAProxy shows of others
// than DNS only that there are some.
func alternatives(c *x509.Certificate) (list []string) {
	for _, name := range c.DNSNames {
		list = append(list, "DNS:"+name)
	}
	for _, ip := range c.IPAddresses {
		list = append(list, "IP Address:"+ip.String())
	}
	for _, mail := range c.EmailAddresses {
		list = append(list, "email:"+mail)
	}
	for _, uri := range c.URIs {
		list = append(list, "URI:"+uri.String())
	}
	return list
}

// algorithm is that of the key with its size: EC256, RSA2048.
func algorithm(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA" + strconv.Itoa(key.N.BitLen())
	case *ecdsa.PublicKey:
		return "EC" + strconv.Itoa(key.Params().BitSize)
	}
	return strings.ToUpper(c.PublicKeyAlgorithm.String())
}
