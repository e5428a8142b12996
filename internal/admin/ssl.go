package admin

import (
	"errors"
	"fmt"
	"strings"

	"bascule/internal/cert"
)

// sslFiles are the commands on files of one kind that TLS is made with, in HAProxy's
// words, which differ from kind to kind more than what they mean.
type sslFiles[T any] struct {
	word    string // of the commands
	arg     string // in the help: what follows it
	thing   string // a certificate, a CA file
	brings  string // what the payload of set has
	subject string // begins the answers of set
	made    string // the answer of new

	shelf func(*cert.Store) *cert.Shelf[T]
	set   setter
	add   setter              // nil: there is no add
	tell  func(now *T) string // what a commit has put in force
}

// A setter puts a payload into the transaction of a file that name means.
type setter func(s *cert.Store, name string, payload []byte) (file string, created bool, err error)

var sslCertificates = sslFiles[cert.Certificate]{
	word: "cert", arg: "<certfile>", thing: "certificate", brings: "a certificate", subject: "Transaction %s for certificate", made: "New empty certificate store '%s'!",
	shelf: func(s *cert.Store) *cert.Shelf[cert.Certificate] { return &s.Certificates },
	set:   (*cert.Store).SetCertificate,
	tell: func(c *cert.Certificate) string {
		return fmt.Sprintf("serial %s, until %s", serial(c.Leaf), c.Leaf.NotAfter.UTC().Format(certTime))
	},
}

var sslAuthorities = sslFiles[cert.Authorities]{
	word: "ca-file", arg: "<cafile>", thing: "CA file", brings: "CAs", subject: "transaction %s for CA", made: "New CA file created '%s'!",
	shelf: func(s *cert.Store) *cert.Shelf[cert.Authorities] { return &s.Authorities },
	set:   setAuthorities(false),
	add:   setAuthorities(true),
	tell:  func(a *cert.Authorities) string { return fmt.Sprintf("%d certificates", len(a.List)) },
}

var sslRevocations = sslFiles[cert.Revocations]{
	word: "crl-file", arg: "<crlfile>", thing: "CRL file", brings: "CRLs", subject: "transaction %s for CRL", made: "New CRL file created '%s'!",
	shelf: func(s *cert.Store) *cert.Shelf[cert.Revocations] { return &s.Revocations },
	set:   (*cert.Store).SetRevocations,
	tell: func(r *cert.Revocations) string {
		lists, certificates := r.Count()
		return fmt.Sprintf("%d lists with %d certificates", lists, certificates)
	},
}

func setAuthorities(join bool) setter {
	return func(s *cert.Store, file string, payload []byte) (string, bool, error) {
		created, err := s.SetAuthorities(file, payload, join)
		return file, created, err
	}
}

// commands are all but show.
func (f *sslFiles[T]) commands(w worker) []Command {
	on := func(verb, usage, text string, do func(worker, *Call)) Command {
		return Command{Words: verb + " ssl " + f.word, Usage: f.arg + usage, Text: text, Level: Admin, Payload: usage != "", Run: func(c *Call) { do(w, c) }}
	}
	list := []Command{
		on("abort", "", "abort a transaction for a "+f.thing, f.abort),
		on("commit", "", "commit a "+f.thing, f.commit),
		on("del", "", "delete an unused "+f.thing, f.del),
		on("new", "", "create a new, empty "+f.thing, f.create),
		on("set", " <payload>", "replace a "+f.thing, f.change(f.set)),
	}
	if f.add != nil {
		list = append(list, on("add", " <payload>", "add to a "+f.thing, f.change(f.add)))
	}
	return list
}

// change is "set ssl cert FILE <payload>" and its like.
func (f *sslFiles[T]) change(set setter) func(worker, *Call) {
	return func(w worker, c *Call) { f.put(w, c, set) }
}

func (f *sslFiles[T]) put(w worker, c *Call, set setter) {
	name := c.Arg(0)
	if name == "" || c.Payload == "" {
		c.Fail("'set ssl %s expects a filename and %s as a payload", f.word, f.brings)
		return
	}
	file, created, err := set(w.p.Certificates(), name, []byte(c.Payload))
	switch {
	case errors.Is(err, cert.ErrUnknown):
		c.Fail("Can't replace a %s which is not referenced by the configuration!\nCan't update %s!", f.thing, name)
	case errors.Is(err, cert.ErrIncomplete):
		c.Fail("Invalid payload\nCan't update %s!", name)
	case err != nil:
		c.Fail("%s\nCan't load the payload\nCan't update %s!", err, name)
	case created:
		c.Note(f.subject+" %s!", "created", file)
	default:
		c.Note(f.subject+" %s!", "updated", file)
	}
}

// commit is "commit ssl cert FILE" and its like.
func (f *sslFiles[T]) commit(w worker, c *Call) {
	file := c.Arg(0)
	if file == "" {
		c.Fail("'commit ssl %s expects a filename", f.word)
		return
	}
	now, binds, err := f.shelf(w.p.Certificates()).Commit(file)
	switch {
	case errors.Is(err, cert.ErrIncomplete):
		c.Fail("The transaction must contain at least a certificate and a private key!\nCan't commit %s!", file)
	case err != nil:
		c.Fail("No ongoing transaction! !\nCan't commit %s!", file)
	default:
		fmt.Fprintf(c.Out(), "Committing %s%s\nSuccess!\n", file, strings.Repeat(".", binds))
		w.p.Audit(fmt.Sprintf("Runtime socket: commit ssl %s %s, ordered by %s: %s, on %d binds", f.word, file, c.Who(), f.tell(now), binds))
	}
}

// abort is "abort ssl cert FILE" and its like.
func (f *sslFiles[T]) abort(w worker, c *Call) {
	switch file := c.Arg(0); {
	case file == "":
		c.Fail("'abort ssl %s' expects a filename", f.word)
	case f.shelf(w.p.Certificates()).Abort(file) != nil:
		c.Fail("No ongoing transaction!")
	default:
		c.Note("Transaction aborted for certificate '%s'!", file)
	}
}

// create is "new ssl cert FILE" and its like.
func (f *sslFiles[T]) create(w worker, c *Call) {
	switch file := c.Arg(0); {
	case file == "":
		c.Fail("'new ssl %s' expects a filename", f.word)
	case f.shelf(w.p.Certificates()).New(file) != nil:
		c.Fail("%s '%s' already exists!", f.title(), file)
	default:
		c.Note(f.made, file)
	}
}

// del is "del ssl cert FILE" and its like.
func (f *sslFiles[T]) del(w worker, c *Call) {
	file := c.Arg(0)
	if file == "" {
		c.Fail("'del ssl %s' expects a %s name", f.word, f.thing)
		return
	}
	switch err := f.shelf(w.p.Certificates()).Delete(file); {
	case errors.Is(err, cert.ErrUnknown):
		c.Fail("Can't remove the %s: %[1]s '%s' doesn't exist!", f.thing, file)
	case errors.Is(err, cert.ErrTransaction):
		c.Fail("Can't remove the %s: ongoing transaction for the %[1]s '%s'", f.thing, file)
	case err != nil:
		c.Fail("Can't remove the %s: %[1]s '%s' in use, can't be deleted!", f.thing, file)
	default:
		c.Note("%s '%s' deleted!", f.title(), file)
	}
}

func (f *sslFiles[T]) title() string { return strings.ToUpper(f.thing[:1]) + f.thing[1:] }

// list writes the files and their transactions; line makes what follows a name.
func list(c *Call, files []cert.Listed, line func(size int) string) {
	out, begun := c.Out(), false
	for _, f := range files {
		if f.Next < 0 {
			continue
		}
		if !begun {
			fmt.Fprintln(out, "# transaction")
			begun = true
		}
		fmt.Fprintf(out, "*%s%s\n", f.Name, line(f.Next))
	}
	fmt.Fprintln(out, "# filename")
	for _, f := range files {
		fmt.Fprintf(out, "%s%s\n", f.Name, line(f.Size))
	}
}
