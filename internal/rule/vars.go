package rule

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Vars holds the variables of one stream: set-var, var(). A loop may keep one
// per connection; its memory is reused after Reset.
type Vars struct {
	list []variable
}

type variable struct {
	name  string // with its scope: "txn.user"
	kind  Kind   // KindNone: unset, the memory waits for its next use
	num   int64
	addr  netip.Addr
	bytes []byte
}

// MaxVars bounds the variables of one stream. Names come from the
// configuration only, so that it is met by no sane file; a set beyond it is
// dropped as HAProxy drops one beyond tune.vars.*-max-size.
const MaxVars = 256

// ResetStream forgets all variables but those of the session (sess.), as
// between two requests of a connection.
func (v *Vars) ResetStream() {
	for i := range v.list {
		if !strings.HasPrefix(v.list[i].name, "sess.") {
			v.list[i].kind = KindNone
		}
	}
}

// Reset forgets all variables.
func (v *Vars) Reset() {
	for i := range v.list {
		v.list[i].kind = KindNone
	}
}

func (v *variable) number() (int64, bool) { return asInt(v.kind, v.num, v.addr, v.bytes) }

func (v *variable) appendTo(dst []byte) []byte {
	switch v.kind {
	case KindBool, KindInt:
		return strconv.AppendInt(dst, v.num, 10)
	case KindAddr:
		return v.addr.AppendTo(dst)
	}
	return append(dst, v.bytes...)
}

func (v *Vars) find(name string) *variable {
	if v == nil {
		return nil
	}
	for i := range v.list {
		if v.list[i].kind != KindNone && v.list[i].name == name {
			return &v.list[i]
		}
	}
	return nil
}

func (v *Vars) unset(name string) {
	if found := v.find(name); found != nil {
		found.kind = KindNone
	}
}

func (v *Vars) set(name string, s *Sample) {
	slot := v.find(name)
	for i := 0; slot == nil && i < len(v.list); i++ {
		if v.list[i].kind == KindNone {
			slot = &v.list[i]
		}
	}
	if slot == nil {
		if len(v.list) == MaxVars {
			return
		}
		v.list = append(v.list, variable{})
		slot = &v.list[len(v.list)-1]
	}
	slot.name, slot.kind, slot.num, slot.addr = name, s.Kind, s.Int, s.Addr
	if s.Kind >= KindStr {
		slot.bytes = append(slot.bytes[:0], s.Bytes...)
	}
}

// checkVarName says why name is no variable that can be used here; planned is
// set when HAProxy knows it and bascule does not yet.
func checkVarName(name string) (planned bool, err error) {
	if name == "" {
		return false, fmt.Errorf("Empty variable name cannot be accepted")
	}
	scope, rest, _ := strings.Cut(name, ".")
	switch scope {
	case "sess", "txn", "req", "res":
	case "proc", "check":
		planned = true
	default:
		rest = ""
	}
	if rest == "" {
		return false, fmt.Errorf("invalid variable name '%s'. A variable name must be start by its scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'", name)
	}
	for i, c := range []byte(rest) {
		if !isAlnum(c) && c != '_' && c != '.' {
			return false, fmt.Errorf("invalid syntax at char '%s'", rest[i:])
		}
	}
	if planned {
		return true, fmt.Errorf("the scope '%s' of variables is known but not supported yet", scope)
	}
	return false, nil
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
