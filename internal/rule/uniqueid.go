package rule

// ParseUniqueID compiles a unique-id-format. Several spaces are one there and none
// stands at its beginning, as in a log-format.
func ParseUniqueID(text string, lib *Library) (*Format, error) {
	tokens, err := SplitFormat(text)
	if err != nil {
		return nil, err
	}
	return compileFormat(mergeSpaces(tokens), place{set: HTTPRequest, front: true, lib: lib})
}

// mergeSpaces takes the spaces at the beginning away, and those behind others.
func mergeSpaces(tokens []FormatToken) []FormatToken {
	var merged []FormatToken
	space := true
	for _, t := range tokens {
		if t.IsExpr || t.Tag != "" || t.Text == "" {
			merged, space = append(merged, t), false
			continue
		}
		var text []byte
		for _, c := range []byte(t.Text) {
			if c != ' ' || !space {
				text = append(text, c)
			}
			space = c == ' '
		}
		if t.Text = string(text); t.Text != "" {
			merged = append(merged, t)
		}
	}
	return merged
}

// ParseName compiles a format that gives a name, as of use_backend.
func ParseName(text string, lib *Library) (*Format, error) {
	return parseFormat(text, place{set: HTTPRequest, front: true, lib: lib, what: "sample fetch keyword '%s' in use_backend expression"})
}

// Eval gives the text; it is valid until the next evaluation with the same Ctx.
func (f *Format) Eval(x *Ctx) []byte { return f.eval(x) }

func fetchUniqueID(x *Ctx, _ []arg, s *Sample) bool {
	return len(x.UniqueID) > 0 && s.setBytes(x.UniqueID)
}
