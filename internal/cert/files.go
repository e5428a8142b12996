package cert

import "slices"

// Files are those that the settings were read from: certificates and their keys,
// crt-lists, keys of tickets, and what clients' certificates are judged by.
func (s *Settings) Files() (list []string) {
	add := func(by trusted) {
		for _, a := range []*Authorities{by.named, by.other} {
			list = append(list, a.file()...)
		}
		if by.crls != nil {
			list = append(list, by.crls.Path)
		}
	}
	add(s.trusts())
	if s.TicketKeys != nil {
		list = append(list, s.TicketKeys.Path)
	}
	for _, e := range s.Certificates.all {
		list = append(list, e.files...)
		if e.List != "" {
			list = append(list, e.List)
		}
		if e.Own != nil {
			add(e.Own.trusts())
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Files are those that the settings were read from.
func (c *Client) Files() []string {
	list := c.CAs.file()
	if c.CRLs != nil {
		list = append(list, c.CRLs.Path)
	}
	if c.Certificate != nil {
		list = append(list, c.Certificate.files...)
	}
	return list
}

// file is that of authorities; nil where there is none.
func (a *Authorities) file() []string {
	if a == nil || a.Path == "" || a.Path == SystemCAs {
		return nil
	}
	return []string{a.Path}
}
