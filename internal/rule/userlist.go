package rule

import (
	"crypto/subtle"
	"errors"
)

// A Userlist is a userlist section: users with their passwords and groups.
type Userlist struct {
	Name  string
	users map[string]*user
}

type user struct {
	password []byte
	groups   []string
}

// Add adds a user; false: there is one of that name.
func (u *Userlist) Add(name, password string) bool {
	if u.users == nil {
		u.users = make(map[string]*user)
	}
	if u.users[name] != nil {
		return false
	}
	u.users[name] = &user{password: []byte(password)}
	return true
}

// Join puts a user into a group; false: there is no such user.
func (u *Userlist) Join(name, group string) bool {
	who := u.users[name]
	if who != nil {
		who.groups = append(who.groups, group)
	}
	return who != nil
}

// admits is the user whose password this is, nil: none. The time that it takes
// does not tell how much of a password was right.
func (u *Userlist) admits(name, password []byte) *user {
	who := u.users[string(name)]
	if who == nil || subtle.ConstantTimeCompare(who.password, password) != 1 {
		return nil
	}
	return who
}

func fetchAuth(x *Ctx, args []arg, s *Sample) bool {
	name, pass, ok := basicAuth(x)
	return s.setBool(ok && args[0].users != nil && args[0].users.admits(name, pass) != nil)
}

// fetchAuthGroup steps through the groups of the user that was let in; alone it
// gives the user's name.
func fetchAuthGroup(x *Ctx, args []arg, s *Sample) bool {
	name, pass, ok := basicAuth(x)
	if !ok || args[0].users == nil {
		return false
	}
	who := args[0].users.admits(name, pass)
	if who == nil {
		return false
	}
	if !s.all {
		return s.setBytes(name)
	}
	if s.off >= len(who.groups) {
		return false
	}
	s.off++
	s.more = s.off < len(who.groups)
	return s.setText(x, who.groups[s.off-1])
}

var errMissingRealm = errors.New("missing realm value")

// An authenticate is the action auth: it asks for a name and a password.
type authenticate struct{ answer Answer }

func (e *authenticate) run(_ *Ctx, out *Outcome) bool {
	out.Verdict, out.Status, out.Answer = Return, e.answer.Status, &e.answer
	return true
}

func parseAuth(c *compiler) (op, error) {
	realm := ""
	if c.more() && c.rest()[0].Text == "realm" {
		c.used++
		if realm = c.take().Text; realm == "" {
			return nil, errMissingRealm
		}
	} else {
		realm = c.env.library().Proxy
	}
	a := *DefaultAnswer(401)
	a.Fields = appendField(append([]byte(nil), a.Fields...), "WWW-Authenticate", []byte(`Basic realm="`+realm+`"`))
	return &authenticate{a}, nil
}
