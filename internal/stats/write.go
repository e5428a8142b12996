package stats

import (
	"encoding/json"
	"io"
	"strconv"
)

// A Format is how rows are written.
type Format uint8

// The formats of "show stat" and of the page's options.
const (
	CSV Format = iota
	Typed
	JSON
)

// Write writes rows in a format; desc adds the meaning of each field to the
// typed form.
func Write(w io.Writer, rows []Row, f Format, desc bool) error {
	switch f {
	case Typed:
		return WriteTyped(w, rows, desc)
	case JSON:
		return WriteJSON(w, rows)
	}
	return WriteCSV(w, rows)
}

// WriteCSV writes the header and the rows. Every line ends with a comma; the
// empty line after the last is the runtime socket's.
func WriteCSV(w io.Writer, rows []Row) error {
	line := []byte("# ")
	for i := range Fields {
		line = append(append(line, Fields[i].Name...), ',')
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return err
	}
	for i := range rows {
		line = rows[i].appendCSV(line[:0])
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func (r *Row) appendCSV(line []byte) []byte {
	for i := range Fields {
		f := &Fields[i]
		switch v := f.Value(r); {
		case f.Name == "-":
			line = append(line, '-')
		case f.Type == Str:
			line = appendCSV(line, v.text)
		default:
			line = v.append(line, f.Type)
		}
		line = append(line, ',')
	}
	return append(line, '\n')
}

// WriteTyped writes one line per value that is there:
// "F.2.0.4.scur.1:MGP:u32:7". Rows are apart by nothing.
func WriteTyped(w io.Writer, rows []Row, desc bool) error {
	var b []byte
	for i := range rows {
		r := &rows[i]
		b = b[:0]
		for pos := range Fields {
			f := &Fields[pos]
			v := f.Value(r)
			if !v.set {
				continue
			}
			b = append(b, r.Kind.letter(), '.')
			b = append(strconv.AppendInt(b, int64(r.Proxy.ID), 10), '.')
			b = append(strconv.AppendInt(b, serverID(r).num, 10), '.')
			b = append(strconv.AppendInt(b, int64(pos), 10), '.')
			b = append(append(b, f.Name...), ".1:"...)
			b = appendTyped(b, f.tags(r.Kind), f.Type, v, f.Text, desc)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// appendTyped ends a line of the typed form.
func appendTyped(b []byte, tags Tags, t Type, v Value, meaning string, desc bool) []byte {
	b = append(append(b, tags...), ':')
	b = append(append(b, t.String()...), ':')
	b = v.append(b, t)
	if desc {
		b = append(append(append(b, ":\""...), meaning...), '"')
	}
	return append(b, '\n')
}

// A jsonValue is one value of the JSON form; its names are HAProxy's.
type jsonValue struct {
	ObjType string `json:"objType,omitempty"`
	ProxyID *int   `json:"proxyId,omitempty"`
	ID      *int64 `json:"id,omitempty"`
	Field   struct {
		Pos  int    `json:"pos"`
		Name string `json:"name"`
	} `json:"field"`
	ProcessNum int `json:"processNum"`
	Tags       struct {
		Origin string `json:"origin"`
		Nature string `json:"nature"`
		Scope  string `json:"scope"`
	} `json:"tags"`
	Value struct {
		Type  string `json:"type"`
		Value any    `json:"value"`
	} `json:"value"`
}

func newJSONValue(pos int, name string, tags Tags, t Type, v Value) jsonValue {
	j := jsonValue{ProcessNum: 1}
	j.Field.Pos, j.Field.Name = pos, name
	j.Tags.Origin, j.Tags.Nature, j.Tags.Scope = tags.word(0), tags.word(1), tags.word(2)
	if j.Value.Type, j.Value.Value = t.String(), any(v.num); t == Str {
		j.Value.Value = v.text
	}
	return j
}

// WriteJSON writes an array with an array of values per row, on one line. A row is
// written before the next is made: thousands of servers together are megabytes.
func WriteJSON(w io.Writer, rows []Row) error {
	sep := "["
	for i := range rows {
		r := &rows[i]
		list := []jsonValue{}
		for pos := range Fields {
			f := &Fields[pos]
			v := f.Value(r)
			if !v.set {
				continue
			}
			j := newJSONValue(pos, f.Name, f.tags(r.Kind), f.Type, v)
			id := serverID(r).num
			j.ObjType, j.ProxyID, j.ID = r.Kind.String(), &r.Proxy.ID, &id
			list = append(list, j)
		}
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, sep+string(text)); err != nil {
			return err
		}
		sep = ","
	}
	if len(rows) == 0 {
		_, err := io.WriteString(w, "[]\n")
		return err
	}
	_, err := io.WriteString(w, "]\n")
	return err
}
