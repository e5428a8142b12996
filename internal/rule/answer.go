package rule

import "net/http"

// DefaultStatuses are the statuses that have an answer of their own without any
// error file, as in HAProxy.
var DefaultStatuses = []int{200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504}

// sentences explain the statuses of DefaultStatuses to whoever sees the page.
var sentences = map[int]string{
	200: "The service is ready.",
	400: "The request could not be understood.",
	401: "This page asks for a name and a password.",
	403: "The rules of this site do not allow this request.",
	404: "There is nothing at this address.",
	405: "This address does not know that request method.",
	407: "This proxy asks for a name and a password.",
	408: "The request did not arrive in time.",
	410: "What was at this address is gone for good.",
	413: "The request is larger than this site accepts.",
	421: "This site is not served over this connection.",
	422: "The request is well formed but cannot be processed.",
	425: "The request came too early; please send it again.",
	429: "Too many requests in a short time; please wait a moment.",
	500: "An error inside kept this request from being answered.",
	501: "This kind of request is not known here.",
	502: "The server behind this site gave no valid answer.",
	503: "No server is available to answer this request.",
	504: "The server behind this site did not answer in time.",
}

var defaultFields = []byte("Cache-Control: no-cache\r\nContent-Type: text/html\r\n")

var defaultAnswers = makeDefaultAnswers()

func makeDefaultAnswers() map[int]*Answer {
	m := make(map[int]*Answer)
	for status := range sentences {
		m[status] = makeAnswer(status)
	}
	return m
}

func makeAnswer(status int) *Answer {
	reason := Reason(status)
	line := statusText(status) + " " + reason
	return &Answer{Status: status, Reason: reason, Fields: defaultFields,
		Body: []byte("<html><body><h1>" + line + "</h1>\n" + sentences[status] + "\n</body></html>\n")}
}

func statusText(status int) string {
	return string([]byte{byte('0' + status/100%10), byte('0' + status/10%10), byte('0' + status%10)})
}

// DefaultAnswer is the answer of a status that has no error file. It must not
// be changed. It allocates only for statuses that are not in DefaultStatuses.
func DefaultAnswer(status int) *Answer {
	if a := defaultAnswers[status]; a != nil {
		return a
	}
	return makeAnswer(status)
}

// classes are the reasons of statuses without a name, by their first digit.
var classes = [...]string{"", "Informational", "Success", "Redirection", "Client Error", "Server Error"}

// Reason is the reason phrase of a status (RFC 9110 §15), or that of its class.
func Reason(status int) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	if c := status / 100; c > 0 && c < len(classes) {
		return classes[c]
	}
	return "Other"
}
