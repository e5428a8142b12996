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

// maxVarBytes is the longest text that a variable keeps: HAProxy's samples end
// at a buffer, and without a bound a variable of the session or the process that
// is appended to itself would double with every request.
const maxVarBytes = 64 << 10

// KeepSession makes kept the variables of the session (sess.) among v, for the
// next request of the connection; it gives nil while there have been none.
func (v *Vars) KeepSession(kept *Vars) *Vars {
	if kept != nil {
		kept.Reset()
	}
	for i := range v.list {
		o := &v.list[i]
		if o.kind == KindNone || !strings.HasPrefix(o.name, "sess.") {
			continue
		}
		if kept == nil {
			kept = new(Vars)
		}
		kept.set(o.name, &Sample{Kind: o.kind, Int: o.num, Addr: o.addr, Bytes: o.bytes})
	}
	return kept
}

// ResetStream forgets all variables but those of the session (sess.), as
// between two requests of a connection.
func (v *Vars) ResetStream() {
	for i := range v.list {
		if !strings.HasPrefix(v.list[i].name, "sess.") {
			v.list[i].kind = KindNone
		}
	}
}

// EndRequest forgets the variables of the request (req.), which end where the
// reply begins.
func (v *Vars) EndRequest() {
	for i := range v.list {
		if strings.HasPrefix(v.list[i].name, "req.") {
			v.list[i].kind = KindNone
		}
	}
}

// Take sets what from has, too: a session's variables at the start of one of
// its streams.
func (v *Vars) Take(from *Vars) {
	for i := range from.list {
		if o := &from.list[i]; o.kind != KindNone {
			v.set(o.name, &Sample{Kind: o.kind, Int: o.num, Addr: o.addr, Bytes: o.bytes})
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
	if strings.HasPrefix(name, processScope) {
		return findProcess(name)
	}
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
	if strings.HasPrefix(name, processScope) {
		changeProcess(func(m map[string]*variable) { delete(m, name) })
		return
	}
	if found := v.find(name); found != nil {
		found.kind = KindNone
	}
}

func (v *Vars) set(name string, s *Sample) {
	if s.Kind >= KindStr && len(s.Bytes) > maxVarBytes {
		return
	}
	if strings.HasPrefix(name, processScope) {
		setProcess(name, s)
		return
	}
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

// checkVarName says why name is no variable.
func checkVarName(name string) error {
	if name == "" {
		return fmt.Errorf("Empty variable name cannot be accepted")
	}
	scope, rest, _ := strings.Cut(name, ".")
	switch scope {
	case "proc", "sess", "txn", "req", "res", "check":
	default:
		rest = ""
	}
	if rest == "" {
		return fmt.Errorf("invalid variable name '%s'. A variable name must be start by its scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'", name)
	}
	for i, c := range []byte(rest) {
		if !isAlnum(c) && c != '_' && c != '.' {
			return fmt.Errorf("invalid syntax at char '%s'", rest[i:])
		}
	}
	return nil
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
