package cert

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
)

// A Chain is certificates of authorities that stand behind those whose files have none:
// the one that signs them first (HAProxy: issuers-chain-path).
type Chain struct {
	path   string
	blocks []*pem.Block
	first  *x509.Certificate
}

// LoadChains reads those of a directory, a file each. Ignored tells, a sentence each and
// in HAProxy's words, what of it is of no use.
func LoadChains(dir string, have []*Chain, from Files) (list []*Chain, ignored []string, err error) {
	entries, err := from.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !regular(path, from) {
			continue
		}
		c, err := loadChain(path, from)
		if err != nil {
			ignored = append(ignored, fmt.Sprintf("unable to load issuers-chain %s : %s.", path, err))
			continue
		}
		same := func(other *Chain) bool { return c.first.Equal(other.first) }
		if i := slices.IndexFunc(have, same); i >= 0 {
			if have[i].path != path {
				ignored = append(ignored, fmt.Sprintf("duplicate issuers-chain %s: %s already in store", path, have[i].path))
			}
			continue
		}
		have = append(have, c)
	}
	return have, ignored, nil
}

func loadChain(path string, from Files) (*Chain, error) {
	data, err := from.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &Chain{path: path}
	if c.blocks, _ = parse(data); len(c.blocks) == 0 {
		return nil, errNotPEM
	}
	for i, b := range c.blocks {
		made, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, errNotPEM
		}
		if i == 0 {
			c.first = made
		}
	}
	return c, nil
}

var errNotPEM = fmt.Errorf("pem certificate not found")

// complete is a chain with the certificates of its issuer behind it, where it has only
// one and somebody knows more.
func (b *Beside) complete(chain []*pem.Block) []*pem.Block {
	if len(chain) != 1 || len(b.Chains) == 0 {
		return chain
	}
	leaf, err := x509.ParseCertificate(chain[0].Bytes)
	if err != nil {
		return chain
	}
	i := slices.IndexFunc(b.Chains, func(c *Chain) bool { return issues(c.first, leaf) })
	if i < 0 {
		return chain
	}
	return slices.Concat(chain, b.Chains[i].blocks)
}
