package rule

import (
	"bytes"
	"encoding/base64"
)

// authorization gives scheme and credentials of the request (RFC 9110 §11.6.2).
func authorization(x *Ctx, name []byte) (scheme, rest []byte, ok bool) {
	r := x.requestHead()
	if r == nil {
		return nil, nil, false
	}
	i := r.Find(name, 0)
	if i < 0 {
		return nil, nil, false
	}
	scheme, rest, ok = bytes.Cut(r.Value(&r.Fields[i]), []byte(" "))
	return scheme, bytes.Trim(rest, " \t"), ok && len(scheme) > 0
}

var authorizationName = []byte("Authorization")

// basicAuth gives user and password of Basic credentials (RFC 7617).
func basicAuth(x *Ctx) (user, pass []byte, ok bool) {
	scheme, rest, ok := authorization(x, authorizationName)
	if !ok || !bytes.EqualFold(scheme, []byte("basic")) {
		return nil, nil, false
	}
	at := len(x.Scratch)
	out, err := base64.StdEncoding.AppendDecode(x.Scratch, rest)
	if err != nil {
		return nil, nil, false
	}
	x.Scratch = out
	user, pass, _ = bytes.Cut(out[at:], []byte(":"))
	return user, pass, true
}

func fetchAuthType(x *Ctx, _ []arg, s *Sample) bool {
	scheme, _, ok := authorization(x, authorizationName)
	switch {
	case !ok:
		return false
	case bytes.EqualFold(scheme, []byte("basic")):
		_, _, ok = basicAuth(x)
		return ok && s.setText(x, "Basic")
	case bytes.EqualFold(scheme, []byte("bearer")):
		return s.setText(x, "Bearer")
	}
	return false
}

func fetchAuthUser(x *Ctx, _ []arg, s *Sample) bool {
	user, _, ok := basicAuth(x)
	return ok && s.setBytes(user)
}

func fetchAuthPass(x *Ctx, _ []arg, s *Sample) bool {
	_, pass, ok := basicAuth(x)
	return ok && s.setBytes(pass)
}

func fetchAuthBearer(x *Ctx, args []arg, s *Sample) bool {
	name := authorizationName
	if len(args) > 0 && args[0].text != "" {
		name = args[0].bytes
	}
	scheme, token, ok := authorization(x, name)
	return ok && bytes.EqualFold(scheme, []byte("bearer")) && s.setBytes(token)
}
